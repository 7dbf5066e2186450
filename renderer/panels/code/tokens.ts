/**
 * Words of a source line or an instruction, for colours and for what can be pointed at.
 *
 * Lines come one by one, out of the middle of a function, so a grammar of C has nothing to hold on to: words are told apart
 * by how they look, and by what follows.
 */

export type TokenKind =
  'plain' | 'keyword' | 'function' | 'number' | 'string' | 'comment' | 'type' | 'name' | 'register' | 'target';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** What to ask the debugger for when it is pointed at: `fl->len` over `len`. */
  readonly expression?: string;
  /** A search looks for it. */
  readonly isFound?: true;
}

const KEYWORDS = new Set(
  (
    'auto break case const continue default do else enum extern for goto if inline register restrict return signed sizeof ' +
    'static struct switch typedef union unsigned void volatile while char short int long float double bool _Bool ' +
    '__noinline __always_inline __weak __hidden __attribute__ __builtin_memcpy __builtin_memset true false NULL'
  ).split(' '),
);
const TYPE = /^(?:__)?(?:[us](?:8|16|32|64)|[bl]e(?:16|32|64)|u?int(?:8|16|32|64)_t|size_t|ssize_t|pid_t)$/;

const C_WORD =
  /\/\*.*?(?:\*\/|$)|\/\/.*$|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|#\s*[a-z]+|0[xX][0-9a-fA-F]+[uUlL]*|\d+(?:\.\d+)?[uUlL]*|[A-Za-z_]\w*|->|\s+|./gy;

export function tokenizeSource(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let isAfterTag = false;
  for (const { 0: word, index } of text.matchAll(C_WORD)) {
    const first = word[0] ?? '';
    if (word.startsWith('/*') || word.startsWith('//')) tokens.push({ kind: 'comment', text: word });
    else if (first === '"' || (first === "'" && word.length > 1)) tokens.push({ kind: 'string', text: word });
    else if (first === '#' && word.length > 1) tokens.push({ kind: 'keyword', text: word });
    else if (/\d/.test(first)) tokens.push({ kind: 'number', text: word });
    else if (/[A-Za-z_]/.test(first)) tokens.push(wordToken(word, text, index, isAfterTag));
    else plain(tokens, word);
    if (word.trim() !== '') isAfterTag = word === 'struct' || word === 'union' || word === 'enum';
  }
  return tokens;
}

function wordToken(word: string, text: string, index: number, isAfterTag: boolean): Token {
  if (KEYWORDS.has(word)) return { kind: 'keyword', text: word };
  if (isAfterTag || TYPE.test(word)) return { kind: 'type', text: word };
  if (/^\s*\(/.test(text.slice(index + word.length))) return { kind: 'function', text: word };
  return { kind: 'name', text: word, expression: expressionAt(text, index, word) };
}

/** The member with what it is a member of: of `len` in `a + fl->key.len` it is `fl->key.len`. */
export function expressionAt(text: string, index: number, word: string): string {
  let start = index;
  for (;;) {
    const before = /([A-Za-z_]\w*(?:\[\w+\])?)\s*(->|\.)\s*$/.exec(text.slice(0, start));
    if (before === null) break;
    start = before.index;
  }
  return text.slice(start, index + word.length);
}

const INSN_WORD = /\b[rw](?:10|\d)\b|\bfp\b|[+-]?\b0x[0-9a-f]+\b|\b[A-Za-z_][\w.]*(?:#\d+)?|[+-]?\b\d+\b|\s+|./gy;
const INSN_KEYWORDS =
  /^(?:if|goto|gotol|may_goto|call|callx|exit|lock|may_goto|s8|s16|s32|s64|u8|u16|u32|u64|be16|be32|be64|le16|le32|le64|bswap16|bswap32|bswap64)$/;

/** `hasTarget`: what is jumped or called to is marked, so that it can be followed. */
export function tokenizeInsn(text: string, hasTarget: boolean): readonly Token[] {
  const tokens: Token[] = [];
  const target = hasTarget ? /(?:goto\s+|call\s+|gotol\s+|may_goto\s+)(?<where>\S+)\s*$/d.exec(text) : null;
  const from = target?.indices?.groups?.['where']?.[0] ?? text.length;
  for (const { 0: word } of text.slice(0, from).matchAll(INSN_WORD)) {
    if (/^(?:[rw]\d+|fp)$/.test(word))
      tokens.push({ kind: 'register', text: word, expression: word.replace('w', 'r') });
    else if (/^[+-]?(?:0x|\d)/.test(word)) tokens.push({ kind: 'number', text: word });
    else if (INSN_KEYWORDS.test(word)) tokens.push({ kind: 'keyword', text: word });
    else if (/^[A-Za-z_]/.test(word)) tokens.push({ kind: 'name', text: word });
    else plain(tokens, word);
  }
  if (from < text.length) tokens.push({ kind: 'target', text: text.slice(from) });
  return tokens;
}

/** Signs and blanks beside each other are one token. */
function plain(tokens: Token[], word: string): void {
  const last = tokens.at(-1);
  if (last?.kind === 'plain') tokens[tokens.length - 1] = { kind: 'plain', text: last.text + word };
  else tokens.push({ kind: 'plain', text: word });
}

/** Cuts tokens so that what a search looks for is marked, in large letters or small. */
export function markFound(tokens: readonly Token[], wanted: string): readonly Token[] {
  const needle = wanted.toLowerCase();
  const text = tokens.map((token) => token.text.toLowerCase()).join('');
  if (needle === '' || !text.includes(needle)) return tokens;
  const marked: Token[] = [];
  let start = 0;
  for (const token of tokens) {
    const end = start + token.text.length;
    let from = start;
    // The occurrence that reaches into this token may begin in one before.
    let hit = text.indexOf(needle, Math.max(0, start - needle.length + 1));
    while (from < end) {
      const isHit = hit >= 0 && hit <= from;
      const to = Math.min(end, hit < 0 ? end : isHit ? hit + needle.length : hit);
      if (to > from) {
        const part = { ...token, text: token.text.slice(from - start, to - start) };
        marked.push(isHit ? { ...part, isFound: true } : part);
        from = to;
      }
      if (isHit) hit = text.indexOf(needle, hit + needle.length);
    }
    start = end;
  }
  return marked;
}
