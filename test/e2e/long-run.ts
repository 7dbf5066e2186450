/** A program that calls functions and helpers for as long as nobody would keep each of them: no example runs for so long. */
import { BTF_FUNC_STATIC } from '../../core/object/btf/kinds.ts';
import { ObjectBuilder } from '../../core/object/testing/object-builder.ts';

/** `main` calls `outer` back so many times, each of these `inner` so many times, which asks for a random number and calls `mix`. */
export function longRun(outer: number, inner: number): Uint8Array {
  const object = new ObjectBuilder();
  // Functions whose address is taken are named by their place in the section, in bytes.
  const loop = (turns: number, at: number): string =>
    `r1 = ${turns}\nr2 = ${at} ll\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit`;
  object.function('xdp', 'main', loop(outer, 0), { references: { 1: '.text' }, typeId: object.funcType('main') });
  object.function('.text', 'outer', loop(inner, 64), {
    references: { 1: '.text' },
    isStatic: true,
    typeId: object.funcType('outer', BTF_FUNC_STATIC),
  });
  object.function('.text', 'inner', 'call 7\nr1 = r0\ncall -1\nr0 = 0\nexit', {
    references: { 2: 'mix' },
    isStatic: true,
    typeId: object.funcType('inner', BTF_FUNC_STATIC),
  });
  object.function('.text', 'mix', 'r0 = r1\nr0 >>= 3\nr0 ^= r1\nexit', {
    isStatic: true,
    typeId: object.funcType('mix', BTF_FUNC_STATIC),
  });
  return object.bytes();
}
