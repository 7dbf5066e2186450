/** What the host's side and the worker's side of a session say to each other. Pages have a message port each, with remote calls only. */
import type { MessagePort } from 'node:worker_threads';
import type { ApiError } from '../../core/protocol/wire.ts';

/** What is opened when a session begins. */
export type First =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'example'; readonly id: string }
  | { readonly kind: 'file'; readonly name: string; readonly bytes: Uint8Array };

export interface WorkerData {
  /** One number: 1 while whatever goes on is to end. */
  readonly cancel: SharedArrayBuffer;
  readonly first: First;
  /** Folder of the examples. */
  readonly examples: string;
}

export type ToWorker = { readonly kind: 'connect'; readonly port: MessagePort };

export type FromWorker = { readonly kind: 'ready'; readonly error?: ApiError };
