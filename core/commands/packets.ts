/** The packet that the next runs get: hex digits, one of a capture, or each packet of a capture one after the other. */
import { BailoutError } from '../errors.ts';
import type { Session } from '../debugger/session.ts';
import { baseName } from '../debugger/source.ts';
import { capturedPackets, ethernetFrame, packetOfCapture } from '../kernel/pcap.ts';
import type { ContextScenario } from '../kernel/scenario.ts';
import { hexBytes } from '../kernel/scenario.ts';
import type { Completed } from '../trace/timeline.ts';
import { cancelled } from '../trace/timeline.ts';
import type { Command, Context, Output } from './command.ts';
import { usageError } from './command.ts';
import { stopOutput } from './stops.ts';

/** What was chosen: the bytes in hex, their name, and the capture that they are from. */
const PACKET = 'packet';
const INPUT = 'input';
const CAPTURE = 'capture';
/** Digits of a packet that its name shows. */
const MAX_DIGITS = 40;

/** The context of the next run: the scenario's, with the packet that was chosen last. */
export function packetContext({ memory, session }: Context): ContextScenario {
  const data = memory.get(PACKET);
  return data === undefined ? (session.scenario.context ?? {}) : withPacket(session, data);
}

function withPacket(session: Session, data: string): ContextScenario {
  const context = session.scenario.context ?? {};
  const { pcap: _, ...packet } = context.packet ?? {};
  return { ...context, packet: { ...packet, data } };
}

/** The scenario's packet counts again. */
export function forgetPacket({ memory }: Context): void {
  for (const key of [PACKET, INPUT, CAPTURE]) memory.delete(key);
}

/** What the next run gets, in words; undefined where it is what the scenario says. */
export function chosenInput({ memory }: Context): string | undefined {
  return memory.get(INPUT);
}

/** Takes packet `number` of a capture for the next runs; `run --all` takes all. Gives its name and its size in bytes. */
export function chooseCaptured(
  { memory, host }: Context,
  path: string,
  number: number,
): { readonly input: string; readonly bytes: number; readonly count: number } {
  const name = baseName(path);
  const capture = host.readFile(path);
  const data = hexOf(ethernetFrame(packetOfCapture(capture, number, name), name));
  const count = countOf(capture, name);
  const input = inputName(number, count, name);
  memory.set(PACKET, data);
  memory.set(INPUT, input);
  memory.set(CAPTURE, path);
  return { input, bytes: data.length / 2, count };
}

function countOf(capture: Uint8Array, name: string): number {
  let count = 0;
  for (const _ of capturedPackets(capture, name)) count++;
  return count;
}

function inputName(number: number, count: number, name: string): string {
  return `packet ${number} of ${count} (${name})`;
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const CAPTURE_NAME = /^(.+\.(?:pcap|pcapng|cap))(?::(\d+))?$/i;

export const packet: Command = {
  name: 'packet',
  aliases: [],
  group: 'Maps and the world',
  usage: 'packet HEX | FILE.pcap[:N]',
  summary: 'chooses the packet of the next runs',
  details:
    'Of a capture, packet N; the first, 1, when no number is given. `run --all` runs the program with each packet.',
  run(args, context) {
    const text = args.trim();
    const [, file, number = '1'] = CAPTURE_NAME.exec(text) ?? [];
    if (file !== undefined) {
      const { input, bytes, count } = chooseCaptured(context, file, Number(number));
      const all = count > 1 ? ' `run --all` runs the program with each.' : '';
      return { text: `The next run gets ${input}, ${bytes} bytes.${all}`, data: { bytes, input, packets: count } };
    }
    const digits = text.replace(/[\s:]/g, '').replace(/^0x/i, '');
    if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
      throw usageError(packet, `\`${text}\` is neither hex digits, two for each byte, nor a capture.`);
    const { memory } = context;
    memory.set(PACKET, hexOf(hexBytes(digits)));
    memory.set(INPUT, `packet ${digits.length > MAX_DIGITS ? `${digits.slice(0, MAX_DIGITS)}…` : digits}`);
    memory.delete(CAPTURE);
    return { text: `The next run gets a packet of ${digits.length / 2} bytes.`, data: { bytes: digits.length / 2 } };
  },
};

/**
 * A run for each packet of the chosen capture, maps kept between them. Each goes to its end: breakpoints are for going through them
 * afterwards. Who cancels keeps the runs so far.
 */
export function runAll(context: Context): Output {
  const { session, host, memory, limits } = context;
  const path = memory.get(CAPTURE);
  if (path === undefined) {
    throw new BailoutError('NO_CAPTURE', 'No capture was chosen whose packets could be run.', {
      hint: 'packet FILE.pcap',
    });
  }
  const name = baseName(path);
  const capture = host.readFile(path);
  const count = countOf(capture, name);
  const isCancelled = (): boolean => limits.isCancelled?.() === true;
  const from = session.isRunning ? session.timeline.runs.length : 0;
  let done = 0;
  let why: Completed = 'end';
  for (const captured of capturedPackets(capture, name)) {
    if (isCancelled()) why = 'cancelled';
    if (why !== 'end') break;
    const data = hexOf(ethernetFrame(captured, name));
    session.start(withPacket(session, data), { isCancelled }, inputName(done + 1, count, name));
    why = session.complete({ isCancelled });
    if (why !== 'end') break;
    limits.onProgress?.(++done, count);
  }
  if (!session.isRunning) throw cancelled();
  const stopped = stopOutput(session, session.toFrontier(why));
  const text = [
    `${done} of ${count} packets of ${name} were run: ${outcomes(session, from)}. \`info runs\` lists them.`,
    stopped.text,
  ].join('\n');
  return { text, data: { packets: count, runs: done, from, complete: done === count } };
}

/** `40 returned 2, 3 returned 1, 1 ended by an error, 2 threw`, the most frequent result first. */
function outcomes({ timeline }: Session, from: number): string {
  const results = new Map<string, number>();
  let throws = 0;
  for (const { what, end, throws: thrown } of timeline.runs.slice(from)) {
    if (what !== 'program' || end === undefined) continue;
    const result = end.kind === 'exit' ? `returned ${BigInt.asIntN(32, end.value)}` : 'ended by an error';
    results.set(result, (results.get(result) ?? 0) + 1);
    if ((thrown ?? 0) > 0) throws++;
  }
  const parts = [...results].sort(([, a], [, b]) => b - a).map(([result, count]) => `${count} ${result}`);
  if (throws > 0) parts.push(`${throws} threw`);
  return parts.length === 0 ? 'none came to its end' : parts.join(', ');
}
