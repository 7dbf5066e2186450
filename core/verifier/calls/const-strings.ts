/** Constant strings in frozen maps, and the format strings that are checked when the program is loaded. */
import { BPF_F_RDONLY_PROG, mapTypeName } from '../../kernel/tables/map-types.ts';
import type { MapDefinition } from '../../object/program.ts';
import type { Env } from '../context.ts';
import { checkMapAccess } from '../memory/memory.ts';
import { AUX0, OFF, ROW, VALUE, isConst } from '../state/state.ts';

function isReadOnly(map: MapDefinition): boolean {
  return (map.flags & BPF_F_RDONLY_PROG) !== 0 && map.frozen;
}

/** The bytes of a one-element array map's value from an offset on. */
function valueBytes(map: MapDefinition, off: number): Uint8Array {
  const value = new Uint8Array(map.valueSize);
  if (map.initialData !== undefined) value.set(map.initialData.subarray(0, map.valueSize));
  return value.subarray(off);
}

/** Checks that an argument points to a zero-terminated string that nobody can change; returns it without the zero. */
export function checkConstString(env: Env, regno: number): Uint8Array {
  const { w } = env.frame;
  const base = regno * ROW;
  const map = env.maps[w[base + AUX0]!]!;
  if (!isReadOnly(map)) env.fail(`R${regno} does not point to a readonly map'`);
  if (!isConst(w, base)) env.fail(`R${regno} is not a constant address'`);
  if (mapTypeName(map.type) !== 'array') env.fail('no direct value access support for this map type');
  const off = w[base + OFF]!;
  checkMapAccess(env, regno, off, map.valueSize - off, false, true);
  const bytes = valueBytes(map, off + w[base + VALUE]!);
  const end = bytes.indexOf(0);
  if (end < 0) env.fail('string is not zero-terminated');
  return bytes.subarray(0, end);
}

const DIGIT = /[0-9]/;

/**
 * Whether bpf_snprintf can print this format with so many arguments: the rules of bpf_bprintf_prepare. `%s` and `%p` of all kinds, integers up to 64
 * bits, `%c`; widths; no floating point.
 */
export function isValidFormat(format: Uint8Array, argumentCount: number): boolean {
  let used = 0;
  const text = Array.from(format, (byte) => String.fromCharCode(byte)).join('');
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && !(code >= 9 && code <= 13)) || code >= 0x7f) return false;
    if (text[i] !== '%') continue;
    if (text[i + 1] === '%') {
      i++;
      continue;
    }
    if (used >= argumentCount) return false;
    i++;
    while (text[i] === '0' || text[i] === '+' || text[i] === '-' || text[i] === ' ') i++;
    if (text[i] !== undefined && text[i]! >= '1' && text[i]! <= '9') {
      i++;
      while (text[i] !== undefined && DIGIT.test(text[i]!)) i++;
    }
    if (text[i] === 'p') {
      const next = text[i + 1];
      if ((next === 'k' || next === 'u') && text[i + 2] === 's') i += 2;
      else if (
        next === undefined ||
        next === ' ' ||
        /[^A-Za-z0-9]/.test(next) ||
        next === 'K' ||
        next === 'x' ||
        next === 's' ||
        next === 'S'
      ) {
        if (next === 'K' || next === 'x' || next === 's' || next === 'S') i++;
      } else if (next === 'B') i++;
      else if ((next === 'i' || next === 'I') && (text[i + 2] === '4' || text[i + 2] === '6')) i += 2;
      else return false;
      if (text[i + 1] !== undefined && /[A-Za-z0-9]/.test(text[i + 1]!)) return false;
      used++;
      continue;
    }
    if (text[i] === 's' || text[i] === 'c') {
      if (text[i + 1] !== undefined && /[A-Za-z0-9]/.test(text[i + 1]!) && text[i] === 's') return false;
      used++;
      continue;
    }
    if (text[i] === 'l') i++;
    if (text[i] === 'l') i++;
    const conversion = text[i];
    if (conversion !== 'i' && conversion !== 'd' && conversion !== 'u' && conversion !== 'x' && conversion !== 'X')
      return false;
    used++;
  }
  return used <= argumentCount;
}
