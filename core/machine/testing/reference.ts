/**
 * A second interpreter, as plain as can be: BigInt, one instruction at a time, straight from RFC 9669. It shares no code
 * with the engine, not even the decoder, and exists to be compared with it step by step.
 *
 * Its world is small: registers and stack. Frames lie where the machine puts them, so that pointers compare equal.
 */
import type { Instructions } from '../../isa/instructions.ts';
import { FIRST_FRAME, FRAME_STRIDE } from '../engine/layout.ts';

const STACK = 512;
const DEPTH = 8;
const TAG = 0xffff8880n << 32n;
/** BPF_MAX_LOOPS */
const MAY_GOTO = 8 * 1024 * 1024;

interface ReferenceFrame {
  readonly call: number;
  readonly saved: readonly bigint[];
  readonly framePointer: number;
  mayGoto: number;
}

export type ReferenceState = 'running' | 'exited' | 'faulted';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const s32 = (value: bigint): bigint => BigInt.asIntN(32, value);

export class Reference {
  readonly registers: bigint[] = new Array<bigint>(11).fill(0n);
  readonly memory = new Uint8Array(DEPTH * FRAME_STRIDE);
  state: ReferenceState = 'running';
  pc = 0;
  steps = 0;
  readonly #insns: Instructions;
  readonly #view = new DataView(this.memory.buffer);
  readonly #frames: ReferenceFrame[] = [];

  constructor(insns: Instructions, context: bigint) {
    this.#insns = insns;
    this.registers[1] = context;
    this.#push(-1, FIRST_FRAME);
  }

  get depth(): number {
    return this.#frames.length;
  }

  /** The program's bytes of a frame, by depth. */
  stack(depth: number): Uint8Array {
    const end = this.memory.length - depth * FRAME_STRIDE;
    return this.memory.subarray(end - STACK, end);
  }

  step(): void {
    const insns = this.#insns;
    const i = this.pc;
    const code = insns.code[i];
    if (code === undefined) {
      this.state = 'faulted';
      return;
    }
    const next = this.#execute(code, insns.dst[i]!, insns.src[i]!, insns.off[i]!, insns.imm[i]!, i);
    if (next === undefined) {
      if (this.state === 'running') this.state = 'faulted';
      if (this.state === 'exited') this.steps++;
      return;
    }
    this.pc = next;
    this.steps++;
  }

  #push(call: number, framePointer: number): void {
    const saved = this.registers.slice(6, 11);
    this.#frames.push({ call, saved, framePointer, mayGoto: MAY_GOTO });
    this.registers[10] = TAG + BigInt(framePointer);
  }

  #execute(code: number, dst: number, src: number, off: number, imm: number, i: number): number | undefined {
    const r = this.registers;
    const cls = code & 7;
    const operand = code & 8 ? r[src]! : BigInt(imm);
    if (cls === 4 || cls === 7) {
      const value = this.#arithmetic(code, r[dst]!, operand, off, imm);
      if (value === undefined) return undefined;
      r[dst] = value;
      return i + 1;
    }
    if (cls === 5 || cls === 6) return this.#jump(code, r[dst]!, operand, src, off, imm, i);
    if (code === 0x18) {
      r[dst] = u64((BigInt(this.#insns.imm[i + 1]!) << 32n) | u32(BigInt(imm)));
      return i + 2;
    }
    const size = [4, 2, 1, 8][(code >> 3) & 3]!;
    const mode = code & 0xe0;
    if (cls === 1 && (mode === 0x60 || mode === 0x80)) {
      const value = this.#load(r[src]! + BigInt(off), size);
      if (value === undefined) return undefined;
      r[dst] = mode === 0x80 ? u64(BigInt.asIntN(size * 8, value)) : value;
      return i + 1;
    }
    const address = r[dst]! + BigInt(off);
    if (mode === 0x60) return this.#store(address, size, cls === 2 ? BigInt(imm) : r[src]!) ? i + 1 : undefined;
    if (mode === 0xc0 && cls === 3) return this.#atomic(dst, src, off, imm, size) ? i + 1 : undefined;
    return undefined;
  }

  #arithmetic(code: number, a: bigint, b: bigint, off: number, imm: number): bigint | undefined {
    const wide = (code & 7) === 7;
    const bits = wide ? 64 : 32;
    const cut = (value: bigint): bigint => BigInt.asUintN(bits, value);
    const signed = wide ? s64 : s32;
    const x = cut(a);
    const y = cut(b);
    const shift = y & BigInt(bits - 1);
    switch (code & 0xf0) {
      case 0x00:
        return cut(x + y);
      case 0x10:
        return cut(x - y);
      case 0x20:
        return cut(x * y);
      case 0x30:
        if (y === 0n) return 0n;
        return off === 1 ? cut(signed(x) / signed(y)) : x / y;
      case 0x40:
        return x | y;
      case 0x50:
        return x & y;
      case 0x60:
        return cut(x << shift);
      case 0x70:
        return x >> shift;
      case 0x80:
        return cut(-x);
      case 0x90:
        if (y === 0n) return x;
        return off === 1 ? cut(signed(x) % signed(y)) : x % y;
      case 0xa0:
        return x ^ y;
      case 0xb0:
        return off === 0 ? y : cut(BigInt.asIntN(off, y));
      case 0xc0:
        return cut(signed(x) >> shift);
      case 0xd0: {
        // Little-endian conversions cut; big-endian ones and bswap turn the bytes around.
        const low = BigInt.asUintN(imm, a);
        if (!wide && (code & 8) === 0) return low;
        let turned = 0n;
        for (let at = 0; at < imm; at += 8) turned = (turned << 8n) | ((low >> BigInt(at)) & 0xffn);
        return turned;
      }
      default:
        return undefined;
    }
  }

  #jump(code: number, a: bigint, b: bigint, src: number, off: number, imm: number, i: number): number | undefined {
    const wide = (code & 7) === 5;
    if (code === 0x05) return this.#inside(i + 1 + off);
    if (code === 0x06) return this.#inside(i + 1 + imm);
    if (code === 0x85) return src === 1 ? this.#call(i, this.#inside(i + 1 + imm)) : undefined;
    if (code === 0x95) return this.#exit();
    if (code === 0xe5) {
      const frame = this.#frames.at(-1)!;
      return frame.mayGoto-- > 0 ? i + 1 : i + 1 + off;
    }
    const x = wide ? u64(a) : u32(a);
    const y = wide ? u64(b) : u32(b);
    const sx = wide ? s64(a) : s32(a);
    const sy = wide ? s64(b) : s32(b);
    const conditions: Readonly<Record<number, boolean>> = {
      0x10: x === y,
      0x20: x > y,
      0x30: x >= y,
      0x40: (x & y) !== 0n,
      0x50: x !== y,
      0x60: sx > sy,
      0x70: sx >= sy,
      0xa0: x < y,
      0xb0: x <= y,
      0xc0: sx < sy,
      0xd0: sx <= sy,
    };
    const taken = conditions[code & 0xf0];
    return taken === undefined ? undefined : taken ? i + 1 + off : i + 1;
  }

  /** What always goes out of the program is at fault itself; a branch only once it has been taken. */
  #inside(target: number): number | undefined {
    return target >= 0 && target < this.#insns.length ? target : undefined;
  }

  #call(i: number, target: number | undefined): number | undefined {
    if (this.#frames.length === DEPTH || target === undefined) return undefined;
    this.#push(i, this.#frames.at(-1)!.framePointer - FRAME_STRIDE);
    return target;
  }

  #exit(): number | undefined {
    if (this.#frames.length === 1) {
      this.state = 'exited';
      return undefined;
    }
    const frame = this.#frames.pop()!;
    frame.saved.forEach((value, at) => (this.registers[6 + at] = value));
    return frame.call + 1;
  }

  /** Index into {@link memory}; undefined where no live frame has these bytes. */
  #place(address: bigint, size: number): number | undefined {
    const offset = u64(address) - TAG;
    for (const { framePointer } of this.#frames) {
      const end = BigInt(framePointer);
      if (offset >= end - BigInt(STACK) && offset + BigInt(size) <= end) {
        return Number(offset) - FIRST_FRAME + this.memory.length;
      }
    }
    return undefined;
  }

  #load(address: bigint, size: number): bigint | undefined {
    const at = this.#place(address, size);
    if (at === undefined) return undefined;
    let value = 0n;
    for (let byte = size - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(this.memory[at + byte]!);
    return value;
  }

  #store(address: bigint, size: number, value: bigint): boolean {
    const at = this.#place(address, size);
    if (at === undefined) return false;
    for (let byte = 0; byte < size; byte++) this.#view.setUint8(at + byte, Number((value >> BigInt(byte * 8)) & 0xffn));
    return true;
  }

  #atomic(dst: number, src: number, off: number, imm: number, size: number): boolean {
    const r = this.registers;
    const cut = (value: bigint): bigint => BigInt.asUintN(size * 8, value);
    if (imm === 0x100) {
      const value = this.#load(r[src]! + BigInt(off), size);
      if (value !== undefined) r[dst] = value;
      return value !== undefined;
    }
    const address = r[dst]! + BigInt(off);
    if (imm === 0x110) return this.#store(address, size, r[src]!);
    const old = this.#load(address, size);
    if (old === undefined) return false;
    const operand = cut(r[src]!);
    if (imm === 0xf1) {
      this.#store(address, size, old === cut(r[0]!) ? operand : old);
      r[0] = old;
      return true;
    }
    const results: Readonly<Record<number, bigint>> = {
      0x00: cut(old + operand),
      0x40: old | operand,
      0x50: old & operand,
      0xa0: old ^ operand,
      0xe0: operand,
    };
    const value = results[imm & 0xf0];
    if (value === undefined) return false;
    this.#store(address, size, value);
    if (imm & 1) r[src] = old;
    return true;
  }
}
