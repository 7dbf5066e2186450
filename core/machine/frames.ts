/**
 * Frames as they lie in linear memory, read for views, for the ledger's positions and for the unwinder. The engine
 * writes them (engine/frames.as.ts); nothing about a frame is kept anywhere else, but the continuation of a helper that
 * waits for a callback.
 */
import type { CalleeSaved, Place, ResourceType } from '../exceptions/descriptor.ts';
import type { Found, HeldResource, UnwindFrame, UnwindPort } from '../exceptions/unwinder.ts';
import type { Image } from './image.ts';
import {
  FIRST_FRAME,
  FLAG_BOUNDARY,
  FLAG_EXCEPTION_CALLBACK,
  FRAME_CALL,
  FRAME_CALLER,
  FRAME_FLAGS,
  FRAME_FLOOR,
  FRAME_KIND,
  FRAME_PROGRAM,
  FRAME_STRIDE,
  KIND_CALLBACK,
  MAX_CALL_FRAMES,
  PC,
  REGS,
  SAVED_R6,
  STACK_BASE,
} from './engine/layout.ts';
import type { LinearMemory } from './memory.ts';

export type FrameKind = 'main' | 'static' | 'global' | 'callback' | 'exception-callback';

/** One frame of a stopped program. */
export interface Frame {
  /** 0 for the first frame of a program: the main program's, or that of a tail call's target. */
  readonly depth: number;
  readonly kind: FrameKind;
  readonly image: Image;
  /** Index into the program's subprograms. */
  readonly subprogram: number;
  readonly name: string;
  /** In the innermost frame the instruction that runs next, in the others the call. */
  readonly insn: number;
  /** Offset in linear memory. */
  readonly framePointer: number;
  /** True where an unwinding ends. */
  readonly boundary: boolean;
}

/** Depth of a frame within its program. The floor is as far down as the program may call, so it says where the program began. */
export function depthOf(memory: LinearMemory, framePointer: number): number {
  const floor = memory.readU32(framePointer + FRAME_FLOOR);
  return MAX_CALL_FRAMES - 1 - Math.round((framePointer - floor) / FRAME_STRIDE);
}

/** How far down calls may go from a program that begins at a frame. */
export function floorOf(framePointer: number): number {
  return framePointer - (MAX_CALL_FRAMES - 1) * FRAME_STRIDE;
}

/** Whether the stack has room for a whole program from this frame on. */
export function hasRoom(framePointer: number): boolean {
  return floorOf(framePointer) - FRAME_STRIDE >= STACK_BASE;
}

export function currentFrame(memory: LinearMemory): number {
  return memory.readU32(REGS + 80);
}

/** Whether there is a frame: the outermost one has no caller, and before a run there is none. */
export function isFrame(framePointer: number): boolean {
  return framePointer > STACK_BASE && framePointer <= FIRST_FRAME;
}

/** From the innermost frame to the outermost, over all programs that wait for one another. */
export function readFrames(memory: LinearMemory, images: readonly Image[]): Frame[] {
  const frames: Frame[] = [];
  let framePointer = currentFrame(memory);
  let address = memory.readU32(PC);
  while (isFrame(framePointer)) {
    const image = images[memory.readU32(framePointer + FRAME_PROGRAM)];
    if (image === undefined) break;
    const insn = image.insnAt(address) ?? 0;
    const subprogram = image.subprogramAt(insn);
    const flags = memory.readU32(framePointer + FRAME_FLAGS);
    frames.push({
      depth: depthOf(memory, framePointer),
      kind: kindOf(memory, framePointer, image, subprogram, flags),
      image,
      subprogram,
      name: image.subprogram(subprogram)?.name ?? image.program.name,
      insn,
      framePointer,
      boundary: (flags & FLAG_BOUNDARY) !== 0,
    });
    address = memory.readU32(framePointer + FRAME_CALL);
    framePointer = memory.readU32(framePointer + FRAME_CALLER);
  }
  return frames;
}

function kindOf(
  memory: LinearMemory,
  framePointer: number,
  image: Image,
  subprogram: number,
  flags: number,
): FrameKind {
  if (flags & FLAG_EXCEPTION_CALLBACK) return 'exception-callback';
  if (memory.readU32(framePointer + FRAME_KIND) === KIND_CALLBACK) return 'callback';
  if (flags & FLAG_BOUNDARY) return 'main';
  return image.subprogram(subprogram)?.linkage === 'global' ? 'global' : 'static';
}

/** Where a frame keeps R6 to R9 of its caller, relative to its frame pointer. */
export function savedAt(register: CalleeSaved): number {
  return SAVED_R6 - (register - 6) * 8;
}

/** What the kernel knows about what a program holds. */
export interface Resources {
  /** What is the business of the program that begins at a frame. */
  heldFrom(boundary: number): readonly HeldResource[];
  /** The value by which the ledger knows what a pointer leads into: a program may hold an object by a pointer to its list node. */
  nameOf(value: bigint): bigint;
}

/** What the unwinder asks. Answers are read from memory when they are asked for: at a throw everything stands still. */
export function unwindPort(
  memory: LinearMemory,
  images: readonly Image[],
  resources: Resources,
): UnwindPort & { readonly stack: readonly Frame[] } {
  const all = readFrames(memory, images);
  const boundary = all.findIndex((frame) => frame.boundary);
  const stack = all.slice(0, boundary + 1);
  const at = (depth: number): Frame | undefined => stack.find((frame) => frame.depth === depth);
  return {
    stack,
    frames: () => stack.map(toUnwindFrame),
    held: () => resources.heldFrom(stack.at(-1)?.framePointer ?? 0),
    readPlace(depth, place, resource) {
      const frame = at(depth);
      if (frame === undefined) return { value: 0n, found: { kind: 'region' } };
      const { value, found } = readPlace(memory, frame, at(depth + 1), place, resource);
      return { value: resources.nameOf(value), found };
    },
  };
}

function toUnwindFrame(frame: Frame): UnwindFrame {
  return { frame: frame.depth, subprogram: frame.subprogram, name: frame.name, insn: frame.insn };
}

function readPlace(
  memory: LinearMemory,
  frame: Frame,
  inner: Frame | undefined,
  place: Place,
  resource: ResourceType,
): { readonly value: bigint; readonly found: Found } {
  switch (place.kind) {
    case 'region':
      return { value: 0n, found: { kind: 'region' } };
    case 'slot': {
      const at = frame.framePointer + place.offset;
      // These are their slots: the program has no other name for them.
      const isPlace = resource === 'dynptr' || resource === 'iterator' || resource === 'irq';
      return { value: isPlace ? memory.pointer(at) : memory.readU64(at), found: { kind: 'slot' } };
    }
    case 'register': {
      if (inner === undefined) {
        return { value: memory.readU64(REGS + place.register * 8), found: { kind: 'live-register' } };
      }
      // Every frame saves all four, so an outer frame's registers are in the one next to it.
      const offset = savedAt(place.register);
      return {
        value: memory.readU64(inner.framePointer + offset),
        found: { kind: 'saved-register', frame: inner.depth, offset },
      };
    }
  }
}
