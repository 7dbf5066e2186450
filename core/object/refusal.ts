/**
 * Collects the reason why libbpf would refuse a whole object.
 *
 * libbpf stops at the first such reason. Here reading goes on, so that the object can still be looked at; the first reason is kept, and every
 * program of the object carries it as its `loadError`.
 */
import { BailoutError } from '../errors.ts';

export class Refusal {
  #error: BailoutError | undefined;

  get error(): BailoutError | undefined {
    return this.#error;
  }

  /** Notes a reason; only the first counts. */
  refuse(code: string, message: string, hint?: string): void {
    this.#error ??= new BailoutError(code, message, { hint });
  }

  /** Notes an error that reading a part of the object ended in. */
  because(error: BailoutError): void {
    this.#error ??= error;
  }
}
