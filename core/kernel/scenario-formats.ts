/**
 * The formats that scenario files use inside strings: numbers, bytes, addresses.
 */
import type { SchemaFormat } from './scenario-schema.ts';

/** What is wrong with a value of a format, as a phrase after "but"; undefined when nothing is. */
export function formatFault(format: SchemaFormat, value: unknown): string | undefined {
  switch (format) {
    case 'integer64':
      return integerFault(value);
    case 'hex':
      return typeof value === 'string' ? hexFault(value) : undefined;
    case 'mac':
      return typeof value === 'string' && !/^(?:[0-9a-f]{12}|[0-9a-f]{2}(?::[0-9a-f]{2}){5})$/i.test(value)
        ? `is ${JSON.stringify(value)}`
        : undefined;
    case 'ip-address':
      return typeof value === 'string' && !isIpAddress(value) ? `is ${JSON.stringify(value)}` : undefined;
    case 'ip-prefix':
      return typeof value === 'string' && !isIpPrefix(value) ? `is ${JSON.stringify(value)}` : undefined;
  }
}

function integerFault(value: unknown): string | undefined {
  let number: bigint;
  if (typeof value === 'string') {
    const text = value.trim();
    if (!/^-?(?:0x[0-9a-f]{1,16}|[0-9]{1,20})$/i.test(text)) return `is ${JSON.stringify(value.slice(0, 40))}`;
    number = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  } else if (typeof value === 'number' || typeof value === 'bigint') number = BigInt(value);
  else return undefined;
  return number < -(2n ** 63n) || number >= 2n ** 64n ? `${number} does not fit 64 bits` : undefined;
}

function hexFault(value: string): string | undefined {
  const digits = value.replace(/[\s:]+/g, '').replace(/^0x/, '');
  const wrong = /[^0-9a-fA-F]/.exec(digits);
  if (wrong !== null) return `"${wrong[0]}" is no hexadecimal digit`;
  return digits.length % 2 === 0 ? undefined : `there are ${digits.length} digits, an odd number`;
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  // The last four bytes may be written as an IPv4 address.
  const last = groups.at(-1);
  const hasIpv4 = last !== undefined && isIpv4(last);
  const count = groups.length + (hasIpv4 ? 1 : 0);
  const plain = hasIpv4 ? groups.slice(0, -1) : groups;
  return plain.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? count < 8 : count === 8);
}

export function isIpAddress(text: string): boolean {
  return isIpv4(text) || (text.includes(':') && isIpv6(text));
}

function isIpPrefix(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return isIpv4(address) ? Number(bits) <= 32 : isIpAddress(address) && Number(bits) <= 128;
}
