/**
 * Scenario files: JSON text to a checked `Scenario`.
 *
 * Two passes. The schema says what each field may hold; what remains are the sentences that a schema cannot say: that the current
 * task exists, that a name is defined. Both report all they find, each with its path in the file, what is wrong, and what is allowed.
 */
import { BailoutError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import type { JsonDocument, JsonObject } from './json-text.ts';
import { lineAndColumn, memberPath, parseJson } from './json-text.ts';
import { ethernetFrame, packetOfCapture } from './pcap.ts';
import type { Scenario } from './scenario.ts';
import { formatFault } from './scenario-formats.ts';
import { referenceProblems } from './scenario-references.ts';
import type { Schema, SchemaType } from './scenario-schema.ts';
import { SCENARIO_SCHEMA } from './scenario-schema.ts';

/** One thing wrong in a scenario. */
export interface ScenarioProblem {
  /** Where: `tasks[0].pid`; empty for the whole. */
  readonly path: string;
  /** What is wrong, as a phrase that goes on after the path: `must be a whole number, but is "abc"`. */
  readonly message: string;
  /** What is allowed or was perhaps meant, as a sentence. */
  readonly hint?: string;
}

/** A scenario that cannot be used; `problems` has all that is wrong with it, the message the first. */
export class ScenarioError extends BailoutError {
  readonly problems: readonly ScenarioProblem[];

  constructor(message: string, problems: readonly ScenarioProblem[], offset?: number) {
    super('SCENARIO_INVALID', message, { hint: problems[0]?.hint, offset });
    this.problems = problems;
  }
}

/** Characters that a scenario file may have; larger inputs belong into captures and programs. */
const MAX_TEXT = 16 * 1024 * 1024;
/** Problems that are reported before checking stops. */
const MAX_PROBLEMS = 100;

/** Reads a scenario file. Throws `SCENARIO_SYNTAX` where it is no JSON and a `ScenarioError` where it is no scenario. */
export function parseScenario(text: string, name = 'the scenario'): Scenario {
  if (text.length > MAX_TEXT)
    throw new BailoutError(
      'SCENARIO_TOO_LARGE',
      `${name} has ${text.length} characters, more than the ${MAX_TEXT} allowed.`,
    );
  const document = parseJson(text, name, 'SCENARIO_SYNTAX');
  return checkedScenario(document.value, (problem) => placeInText(document, text, name, problem));
}

/** Checks a scenario that some code has built. Throws a `ScenarioError`. */
export function checkScenario(value: unknown, name = 'the scenario'): Scenario {
  return checkedScenario(value, (problem) => ({ text: `${name}: ${problem.path}`, offset: undefined }));
}

/** All that is wrong with a scenario, in the order of the schema. */
export function scenarioProblems(value: unknown): ScenarioProblem[] {
  const problems: ScenarioProblem[] = [];
  new Checker(problems).check(SCENARIO_SCHEMA, value, '');
  // References are only followed where everything has its shape.
  if (problems.length === 0) problems.push(...referenceProblems(value as Scenario));
  return problems;
}

function checkedScenario(
  value: unknown,
  place: (problem: ScenarioProblem) => { text: string; offset: number | undefined },
): Scenario {
  const problems = scenarioProblems(value);
  const first = problems[0];
  if (first === undefined) return value as Scenario;
  const { text, offset } = place(first);
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  const subject = first.path === '' ? `${text}the scenario` : text;
  throw new ScenarioError(`${subject} ${first.message}.${more}`, problems, offset);
}

function placeInText(
  document: JsonDocument,
  text: string,
  name: string,
  problem: ScenarioProblem,
): { text: string; offset: number | undefined } {
  const offset = document.offsets.get(problem.path);
  if (offset === undefined) return { text: `${name}: ${problem.path}`, offset };
  const { line, column } = lineAndColumn(text, offset);
  return { text: `${name}:${line}:${column}: ${problem.path}`, offset };
}

/**
 * The scenario with the packet of a capture in place of its file's name. `read` gets the path as written; a relative one counts from
 * the scenario's own folder, which only the caller knows.
 */
export function withCapturedPacket(scenario: Scenario, read: (path: string) => Uint8Array): Scenario {
  const packet = scenario.context?.packet;
  if (packet?.pcap === undefined) return scenario;
  const { pcap, ...rest } = packet;
  const found = packetOfCapture(read(pcap.file), pcap.packet ?? 1, pcap.file);
  const frame = ethernetFrame(found, pcap.file);
  const data = Array.from(frame, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { ...scenario, context: { ...scenario.context, packet: { ...rest, data } } };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(value: unknown): SchemaType | undefined {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'bigint':
      return 'integer';
    case 'number':
      return Number.isSafeInteger(value) ? 'integer' : 'number';
    case 'string':
    case 'boolean':
    case 'object':
      return typeof value as SchemaType;
    default:
      return undefined;
  }
}

const TYPE_NAMES: Readonly<Record<SchemaType, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
};

/** A value as an error shows it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (isObject(value)) return 'an object';
  if (Array.isArray(value)) return 'a list';
  return String(value);
}

class Checker {
  readonly #problems: ScenarioProblem[];

  constructor(problems: ScenarioProblem[]) {
    this.#problems = problems;
  }

  check(schema: Schema, value: unknown, path: string): void {
    if (this.#problems.length >= MAX_PROBLEMS) return;
    if (schema.$ref !== undefined) {
      const target = SCENARIO_SCHEMA.$defs[schema.$ref.slice('#/$defs/'.length)];
      if (target !== undefined) this.check(target, value, path);
      return;
    }
    if (schema.anyOf !== undefined) {
      this.#anyOf(schema, schema.anyOf, value, path);
      return;
    }
    if (!this.#hasType(schema, value)) {
      this.#report(path, `must be ${expected(schema)}, but is ${shown(value)}`);
      return;
    }
    if (schema.enum !== undefined && !schema.enum.some((allowed) => allowed === value))
      this.#report(path, `must be ${expected(schema)}, but is ${shown(value)}`);
    if (typeof value === 'number' || typeof value === 'bigint') this.#range(schema, value, path);
    if (typeof value === 'string') this.#text(schema, value, path);
    if (schema.format !== undefined) this.#format(schema, value, path);
    if (Array.isArray(value)) this.#list(schema, value, path);
    else if (isObject(value)) this.#object(schema, value, path);
  }

  #report(path: string, message: string, hint?: string): void {
    this.#problems.push(hint === undefined ? { path, message } : { path, message, hint });
  }

  #hasType(schema: Schema, value: unknown): boolean {
    if (schema.type === undefined) return true;
    const type = typeOf(value);
    const allowed: readonly SchemaType[] = typeof schema.type === 'string' ? [schema.type] : schema.type;
    return type !== undefined && allowed.includes(type);
  }

  /** Goes on with the alternative whose outline fits, so that an error inside it is told as such. */
  #anyOf(schema: Schema, alternatives: readonly Schema[], value: unknown, path: string): void {
    const resolved = alternatives.map((each) =>
      each.$ref === undefined ? each : (SCENARIO_SCHEMA.$defs[each.$ref.slice('#/$defs/'.length)] ?? each),
    );
    const fits = (each: Schema): boolean =>
      this.#hasType(each, value) && (each.required ?? []).every((key) => isObject(value) && Object.hasOwn(value, key));
    const chosen = resolved.find(fits);
    if (chosen === undefined) this.#report(path, `must be ${expected(schema)}, but is ${shown(value)}`);
    else this.check(chosen, value, path);
  }

  #range(schema: Schema, value: number | bigint, path: string): void {
    const { minimum, maximum } = schema;
    if ((minimum !== undefined && value < minimum) || (maximum !== undefined && value > maximum))
      this.#report(path, `must be ${expected(schema)}, but is ${value}`);
  }

  #text(schema: Schema, value: string, path: string): void {
    if (schema.maxLength !== undefined && value.length > schema.maxLength)
      this.#report(path, `must have at most ${schema.maxLength} characters, but has ${value.length}`);
    if (schema.minLength !== undefined && value.length < schema.minLength)
      this.#report(path, `must have at least ${schema.minLength} characters`);
  }

  #format(schema: Schema, value: unknown, path: string): void {
    const fault = schema.format === undefined ? undefined : formatFault(schema.format, value);
    if (fault !== undefined) this.#report(path, `must be ${expected(schema)}, but ${fault}`);
  }

  #list(schema: Schema, value: readonly unknown[], path: string): void {
    if (schema.items === undefined) return;
    for (const [i, item] of value.entries()) this.check(schema.items, item, `${path}[${i}]`);
  }

  #object(schema: Schema, value: JsonObject, path: string): void {
    const properties = schema.properties ?? {};
    for (const key of schema.required ?? [])
      if (!Object.hasOwn(value, key)) this.#report(path, `lacks the field "${key}"`, fieldsHint(schema));
    for (const [key, member] of Object.entries(value)) {
      // What code builds may have fields that are there and hold nothing.
      if (member === undefined) continue;
      const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (known !== undefined) this.check(known, member, memberPath(path, key));
      else if (schema.additionalProperties === false)
        this.#report(memberPath(path, key), 'is no field that a scenario has here', unknownFieldHint(schema, key));
      else if (schema.additionalProperties !== undefined)
        this.check(schema.additionalProperties, member, memberPath(path, key));
    }
  }
}

/** What a schema expects, for "must be …". */
function expected(schema: Schema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.enum !== undefined) {
    const values = schema.enum.map((value) => JSON.stringify(value));
    return values.length === 1 ? values.join('') : `one of ${values.join(', ')}`;
  }
  const types: readonly SchemaType[] = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const names = types.map((type) => TYPE_NAMES[type]).join(' or ');
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${names} from ${minimum} to ${maximum}`;
  return minimum === undefined ? names : `${names} of at least ${minimum}`;
}

function fieldsHint(schema: Schema): string {
  const required = new Set(schema.required);
  const names = Object.keys(schema.properties ?? {}).map((name) => (required.has(name) ? `${name} (needed)` : name));
  return `Its fields are ${names.join(', ')}.`;
}

function unknownFieldHint(schema: Schema, key: string): string {
  const names = Object.keys(schema.properties ?? {});
  const meant = nearest(key, names);
  const guess = meant === undefined ? '' : `Did you mean "${meant}"? `;
  return guess + fieldsHint(schema);
}
