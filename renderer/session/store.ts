/**
 * The page's one store: what the session said last, and what the page itself has chosen (a frame, a theme). Panels read it, ask for
 * what they show with {@link useMoment}, and act through {@link useSession}.
 */
import { defineStore } from 'pinia';
import type { Ref, ShallowRef } from 'vue';
import { computed, onScopeDispose, ref, shallowRef, watch, watchEffect } from 'vue';
import type { Move } from '../../core/protocol/api.ts';
import type { Position, Progress, SessionState } from '../../core/protocol/state.ts';
import type { MomentView, Wants } from '../../core/protocol/views.ts';
import { openChannel } from './channel.ts';
import type { Calls } from './client.ts';
import { LOST, SessionError, createClient } from './client.ts';

export type Connection = 'connecting' | 'open' | 'lost' | 'gone';

/** A line that appears over the page and goes away: an error, or that something is done. */
export interface Notice {
  readonly id: number;
  readonly kind: 'error' | 'info';
  readonly text: string;
  readonly hint?: string;
  readonly code?: string;
}

const EMPTY: SessionState = {
  revision: 0,
  epoch: 0,
  runs: { count: 0 },
  stop: { why: 'loaded', text: '', breakpoints: [], watchpoints: [] },
  held: 0,
  breakpoints: [],
  bookmarks: [],
  checkpoints: 0,
  scenario: { name: '', seed: '' },
};

const NOTICE_MS = 12_000;
/** Errors of questions that were asked just before the object was changed. */
const OUTDATED = new Set(['NO_PROGRAM', 'NO_MAP', 'NO_RUN', 'BAD_POSITION', 'NOT_RUNNING']);

export function samePosition(a: Position | undefined, b: Position | undefined): boolean {
  return a?.run === b?.run && a?.step === b?.step && a?.phase === b?.phase;
}

export const useSession = defineStore('session', () => {
  const state = shallowRef<SessionState>(EMPTY);
  const connection = ref<Connection>('connecting');
  const goneBecause = ref('');
  const host = shallowRef<{ readonly host: 'electron' | 'web'; readonly version: string; readonly platform: string }>();
  const progress = shallowRef<Progress>();
  /** Calls that move the session and have not been answered. */
  const moving = ref(0);
  const notices = ref<Notice[]>([]);
  /** The frame that Code, Registers and Stack look at, 0 the innermost. Any move goes back to it. */
  const frame = ref(0);
  /** The instruction that panels point at: set by a click on a link, read by Code. */
  const reveal = shallowRef<{ readonly program: string; readonly insn: number; readonly stamp: number }>();
  /** The instruction whose line is selected in Code: what F9 and `run to here` mean. Code sets it. */
  const cursor = shallowRef<{ readonly program: string; readonly insn: number }>();
  /** A command that was chosen in a menu of the desktop; who knows commands by name carries it out. */
  const chosen = shallowRef<{ readonly id: string; readonly stamp: number }>();
  let nextNotice = 1;

  const channel = openChannel();
  const client = createClient(
    channel,
    {
      state: (next) => {
        if (next.revision < state.value.revision && connection.value === 'open' && next.revision !== 0) return;
        const steps = next.epoch === state.value.epoch && !samePosition(next.position, state.value.position);
        // Panels ask about the innermost frame then, which is what they show already.
        if (steps && frame.value === 0 && connection.value === 'open') hold(next, apply);
        else {
          letGo();
          apply(next);
        }
      },
      progress: (next) => (progress.value = next),
    },
    {
      hello: (message) => (host.value = message),
      gone: (reason) => {
        client.abandon();
        goneBecause.value = reason;
        connection.value = 'gone';
        progress.value = undefined;
        moving.value = 0;
      },
      command: (id) => (chosen.value = { id, stamp: (chosen.value?.stamp ?? 0) + 1 }),
      file: ({ name, bytes }) => void tell(api.open({ name, bytes })),
    },
  );
  const api: Calls = client.calls;
  channel.onOpen(() => void begin());
  channel.onLost(() => {
    client.abandon();
    connection.value = 'lost';
    progress.value = undefined;
  });

  function apply(next: SessionState): void {
    if (!samePosition(next.position, state.value.position)) frame.value = 0;
    state.value = next;
    // A new session tells its pages by itself that it is there.
    if (connection.value === 'connecting') connection.value = 'open';
  }

  async function begin(): Promise<void> {
    const first = await tell(api.state());
    if (first === undefined) return;
    state.value = first;
    connection.value = 'open';
  }

  function notify(kind: Notice['kind'], text: string, more: { hint?: string; code?: string } = {}): void {
    const id = nextNotice++;
    notices.value = [...notices.value.filter((notice) => notice.text !== text), { id, kind, text, ...more }].slice(-3);
    setTimeout(() => dismiss(id), NOTICE_MS);
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }

  /** Shows what went wrong, and gives undefined then. */
  async function tell<T>(promise: Promise<T>): Promise<T | undefined> {
    const { epoch } = state.value;
    try {
      return await promise;
    } catch (error) {
      if (error instanceof SessionError) {
        // The page says so by itself.
        if (error.code === LOST) return undefined;
        // A question about what another object has taken the place of: nobody waits for the answer any more.
        if (epoch !== state.value.epoch && OUTDATED.has(error.code)) return undefined;
        const { hint, code } = error;
        notify('error', error.message, { code, ...(hint === undefined ? {} : { hint }) });
        return undefined;
      }
      throw error;
    }
  }

  /** Moves the session. The new state arrives by itself. */
  async function go(move: Move): Promise<void> {
    moving.value++;
    try {
      await tell(api.go(move));
    } finally {
      moving.value = Math.max(0, moving.value - 1);
    }
  }

  async function goTo(position: Position): Promise<void> {
    await go({ kind: 'position', position });
  }

  function show(program: string, insn: number): void {
    reveal.value = { program, insn, stamp: (reveal.value?.stamp ?? 0) + 1 };
  }

  function reopen(): void {
    connection.value = 'connecting';
    client.reopen();
  }

  return {
    state,
    connection,
    goneBecause,
    host,
    progress,
    busy: computed(() => moving.value > 0 || progress.value !== undefined),
    notices,
    frame,
    reveal,
    cursor,
    chosen,
    api,
    tell,
    go,
    goTo,
    show,
    notify,
    dismiss,
    reopen,
    cancel: () => client.cancel(),
  };
});

// ---- what panels ask for ------------------------------------------------------------------------------------------------

interface Asker {
  readonly wants: Wants;
  readonly into: ShallowRef<MomentView | undefined>;
  readonly before: ShallowRef<MomentView | undefined>;
}

const askers = new Set<Asker>();
/** The moment that panels show, `run:step.phase`: what measures how long a step takes to be seen waits for it. */
export const shownMoment = ref('');
let scheduled = false;
let asking = false;
let again = false;

/**
 * A state that has moved waits for the moment it has moved to, a little: then the whole page changes in one picture, and the
 * browser does not draw one while the answer is on its way.
 */
const HOLD_MS = 25;
let held: { readonly state: SessionState; readonly apply: (state: SessionState) => void } | undefined;
let holding: ReturnType<typeof setTimeout> | undefined;
/** What was asked about last and has been answered. */
let answered: { readonly position: Position; readonly epoch: number } | undefined;

function hold(state: SessionState, apply: (state: SessionState) => void): void {
  held = { state, apply };
  holding ??= setTimeout(land, HOLD_MS);
  void ask();
}

function letGo(): void {
  clearTimeout(holding);
  holding = undefined;
  held = undefined;
}

function land(): void {
  const waiting = held;
  letGo();
  waiting?.apply(waiting.state);
}

/** All panels' wants of one moment go over the wire as one question. */
function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    void ask();
  });
}

async function ask(): Promise<void> {
  // While an answer is under way further moves are not queued up: the last one counts.
  if (asking) {
    again = true;
    return;
  }
  const session = useSession();
  const { position, epoch } = held?.state ?? session.state;
  const present = [...askers];
  if (position === undefined || present.length === 0) {
    land();
    for (const { into, before } of present) into.value = before.value = undefined;
    return;
  }
  asking = true;
  try {
    const wants: Wants = Object.assign({}, ...present.map((asker) => asker.wants));
    const moment = await session.tell(session.api.at(position, wants));
    if (samePosition(held?.state.position, position)) land();
    if (moment === undefined) return;
    answered = { position, epoch };
    for (const { into, before } of present) {
      if (!samePosition(into.value?.position, moment.position)) before.value = into.value;
      into.value = moment;
    }
    const { run, step, phase } = moment.position;
    shownMoment.value = `${run}:${step}.${phase}`;
  } finally {
    asking = false;
    if (again) {
      again = false;
      schedule();
    }
  }
}

export interface Moment {
  /** The newest answer; it is there until the next one is, so that nothing flickers while stepping. */
  readonly now: Readonly<ShallowRef<MomentView | undefined>>;
  /** The answer at the position before, for marking what has changed. */
  readonly before: Readonly<ShallowRef<MomentView | undefined>>;
}

/**
 * What a panel shows of the present moment; asked again after each move, as long as the panel is there and `visible`.
 * Give back undefined from `wants` to ask for nothing.
 */
export function useMoment(wants: () => Wants | undefined, visible: Ref<boolean>): Moment {
  const session = useSession();
  const now = shallowRef<MomentView>();
  const before = shallowRef<MomentView>();
  let asker: Asker | undefined;
  const leave = (): void => {
    if (asker !== undefined) askers.delete(asker);
    asker = undefined;
  };
  watchEffect(() => {
    const wanted = visible.value ? wants() : undefined;
    leave();
    if (wanted === undefined) return;
    asker = { wants: wanted, into: now, before };
    askers.add(asker);
    schedule();
  });
  watch(
    () => [session.state.position, session.state.epoch],
    () => {
      const { position, epoch } = session.state;
      if (answered?.epoch !== epoch || !samePosition(answered.position, position)) schedule();
    },
  );
  onScopeDispose(leave);
  return { now, before };
}
