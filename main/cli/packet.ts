/** The packet that `--packet` names. */
import { BailoutError } from '../../core/errors.ts';
import { ethernetFrame, packetOfCapture } from '../../core/kernel/pcap.ts';
import type { Host } from './host.ts';
import { baseName } from './program.ts';

const CAPTURE = /^(.+\.(?:pcap|pcapng|cap))(?::(\d+))?$/i;

/** Hex digits as they are; of a capture, the packet of the number, or the first. */
export function packetBytes(packet: string, host: Host): string {
  const [, file, number = '1'] = CAPTURE.exec(packet) ?? [];
  if (file !== undefined) {
    const captured = packetOfCapture(host.readFile(file), Number(number), baseName(file));
    return Array.from(ethernetFrame(captured, baseName(file)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
  const digits = packet.replace(/[\s:]/g, '').replace(/^0x/i, '');
  if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new BailoutError(
      'USAGE',
      `--packet takes hex digits, two for each byte, or FILE.pcap[:N], not \`${packet}\`.`,
    );
  }
  return digits;
}
