/**
 * The hash of a page where it lies, so that the state can be hashed without being copied. pages.ts has the same for copies.
 *
 * A hash goes from word to word and waits for each multiplication, so four pages are hashed at once where four are to be.
 */
import { PAGE_HASH, PAGE_SHIFT, PAGE_SIZE, SHADOW } from './layout';

/** Hashes a page and its shadow bytes into PAGE_HASH; two zeros when all of it is zero. */
export function hashPage(page: u32): void {
  let a: u32 = 0;
  let b: u32 = 0;
  let any: u32 = 0;
  let i: u32 = 0;
  let at: u32 = page << PAGE_SHIFT;
  let end: u32 = at + PAGE_SIZE;
  for (let part = 0; part < 2; part++) {
    for (; at < end; at += 8) {
      const first = load<u32>(at);
      const second = load<u32>(at, 4);
      any |= first | second;
      a = (a ^ first) * 0x9e3779b1;
      a ^= a >> 15;
      b = (b + first + i) * 0x85ebca77;
      b ^= b >> 13;
      a = (a ^ second) * 0x9e3779b1;
      a ^= a >> 15;
      b = (b + second + i + 1) * 0x85ebca77;
      b ^= b >> 13;
      i += 2;
    }
    at = SHADOW + ((page << PAGE_SHIFT) >> 3);
    end = at + PAGE_SIZE / 8;
  }
  store<u32>(PAGE_HASH, any ? a : 0);
  store<u32>(PAGE_HASH + 4, any ? b | 1 : 0);
}

/** The same of four pages that lie side by side, one pair of halves behind the other. */
export function hashFourPages(page: u32): void {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let any = i32x4.splat(0);
  let i = i32x4.splat(0);
  const one = i32x4.splat(1);
  const ka = i32x4.splat(0x9e3779b1);
  const kb = i32x4.splat(0x85ebca77);
  let at: u32 = page << PAGE_SHIFT;
  let stride: u32 = PAGE_SIZE;
  for (let part = 0; part < 2; part++) {
    for (const end = at + stride; at < end; at += 4) {
      const words = gather(at, at + stride, at + 2 * stride, at + 3 * stride);
      any = v128.or(any, words);
      a = i32x4.mul(v128.xor(a, words), ka);
      a = v128.xor(a, i32x4.shr_u(a, 15));
      b = i32x4.mul(i32x4.add(b, i32x4.add(words, i)), kb);
      b = v128.xor(b, i32x4.shr_u(b, 13));
      i = i32x4.add(i, one);
    }
    at = SHADOW + ((page << PAGE_SHIFT) >> 3);
    stride = PAGE_SIZE / 8;
  }
  const isEmpty = i32x4.eq(any, i32x4.splat(0));
  a = v128.andnot(a, isEmpty);
  b = v128.andnot(v128.or(b, one), isEmpty);
  put(0, i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0));
  put(1, i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1));
  put(2, i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2));
  put(3, i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3));
}

// @ts-ignore: decorator
@inline
function gather(first: u32, second: u32, third: u32, fourth: u32): v128 {
  let words = v128.load32_zero(first);
  words = v128.load_lane<u32>(second, words, 1);
  words = v128.load_lane<u32>(third, words, 2);
  return v128.load_lane<u32>(fourth, words, 3);
}

// @ts-ignore: decorator
@inline
function put(index: u32, a: u32, b: u32): void {
  store<u32>(PAGE_HASH + index * 8, a);
  store<u32>(PAGE_HASH + index * 8 + 4, b);
}
