/**
 * The two sets of rules under which a program with exceptions is verified and run
 * (docs/exceptions.md, "Two profiles").
 *
 * `proposal` is the design of July 2023: the default callback returns 0, and what the program still
 * holds at a throw is released while its stack is unwound. `linux` is what kernels since 6.7 do: the
 * default callback returns the cookie, and a throw that would leave something behind is rejected.
 */
export type Profile = 'proposal' | 'linux';

export const PROFILES: readonly Profile[] = ['proposal', 'linux'];

/** How a program names its exception callback: a call of `bpf_set_exception_callback`, or the BTF tag. */
export type CallbackForm = 'call' | 'tag';

/** What differs between the profiles, each read at exactly one place of the verifier or the machine. */
export interface ProfileRules {
  /** What the callback returns when the program sets none. */
  readonly defaultCallbackReturns: 'zero' | 'cookie';
  /** What becomes of resources that are held at a throw. */
  readonly heldAtThrow: 'release' | 'reject';
  /** The forms in which a program may give its callback. */
  readonly callbackForms: readonly CallbackForm[];
}

const RULES: Readonly<Record<Profile, ProfileRules>> = {
  proposal: {
    defaultCallbackReturns: 'zero',
    heldAtThrow: 'release',
    callbackForms: ['call', 'tag'],
  },
  linux: {
    defaultCallbackReturns: 'cookie',
    heldAtThrow: 'reject',
    callbackForms: ['tag'],
  },
};

export function profileRules(profile: Profile): ProfileRules {
  return RULES[profile];
}

export function isProfile(word: string): word is Profile {
  return PROFILES.some((profile) => profile === word);
}

/**
 * The profile of a program for which the user asked for none: a program says by the form of its callback
 * which world it was written for; one that gives no callback gets the default.
 */
export function profileOf(forms: { readonly callsSetCallback: boolean; readonly hasTag: boolean }): Profile {
  if (forms.callsSetCallback) return 'proposal';
  return forms.hasTag ? 'linux' : 'proposal';
}
