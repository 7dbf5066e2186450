/** What an expression consists of, after parsing. Every node knows where it begins, so that errors can point there. */

export type UnaryOperator = '-' | '+' | '!' | '~' | '*' | '&';
export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '+'
  | '-'
  | '<<'
  | '>>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '=='
  | '!='
  | '&'
  | '^'
  | '|'
  | '&&'
  | '||'
  /** Whether a text contains another, great and small letters alike. */
  | '~'
  /** gdb's: so many elements from here on. */
  | '@';

/** A type as it is written: its words, stars, and lengths of arrays. */
export interface TypeSyntax {
  readonly at: number;
  readonly keyword?: 'struct' | 'union' | 'enum';
  /** `unsigned long`, `u32`, `task_struct`. */
  readonly name: string;
  readonly stars: number;
  readonly lengths: readonly number[];
}

export type Expression =
  | { readonly kind: 'number'; readonly at: number; readonly value: bigint; readonly suffix: string }
  | { readonly kind: 'character'; readonly at: number; readonly value: bigint }
  | { readonly kind: 'string'; readonly at: number; readonly text: string }
  | { readonly kind: 'name'; readonly at: number; readonly name: string }
  | { readonly kind: 'unary'; readonly at: number; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly at: number;
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'conditional';
      readonly at: number;
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'cast'; readonly at: number; readonly type: TypeSyntax; readonly operand: Expression }
  | { readonly kind: 'sizeof-type'; readonly at: number; readonly type: TypeSyntax }
  | { readonly kind: 'sizeof'; readonly at: number; readonly operand: Expression }
  | {
      readonly kind: 'member';
      readonly at: number;
      readonly object: Expression;
      readonly name: string;
      readonly arrow: boolean;
    }
  | { readonly kind: 'index'; readonly at: number; readonly object: Expression; readonly index: Expression };
