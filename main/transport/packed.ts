/** Messages of pages as bytes and back. What comes from outside is looked at before it is believed. */
import { Packr } from 'msgpackr/pack';
import { BailoutError } from '../../core/errors.ts';
import type { ToHost, ToPage } from '../../core/protocol/wire.ts';

/** A dropped file of the greatest size, with what stands around it. */
export const MAX_MESSAGE = 257 * 1024 * 1024;

const packr = new Packr({ structuredClone: true });

export function packToPage(message: ToPage): Uint8Array {
  return packr.pack(message);
}

/** Reads what a page sent. Throws `WIRE_MALFORMED` for everything that no page sends. */
export function unpackToHost(bytes: Uint8Array): ToHost {
  let message: unknown;
  try {
    message = packr.unpack(bytes);
  } catch (cause) {
    throw new BailoutError('WIRE_MALFORMED', 'A message of a page cannot be read.', { cause });
  }
  if (typeof message === 'object' && message !== null && 'kind' in message) {
    switch (message.kind) {
      case 'rpc':
        if ('message' in message) return { kind: 'rpc', message: message.message };
        break;
      case 'cancel':
      case 'reopen':
        return { kind: message.kind };
      default:
    }
  }
  throw new BailoutError('WIRE_MALFORMED', 'A message of a page is none that a host knows.');
}
