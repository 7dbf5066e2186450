/** Single fields of a scenario by their paths, `tasks[0].pid`: setting one, and what stands where, for completion. */
import { BailoutError } from '../errors.ts';
import { memberPath, parseJson } from './json-text.ts';
import type { Scenario } from './scenario.ts';
import { checkScenario } from './scenario-file.ts';
import type { Schema } from './scenario-schema.ts';
import { SCENARIO_SCHEMA } from './scenario-schema.ts';

type Step = string | number;

/** Deeper than anything that a scenario means. */
const MAX_STEPS = 64;

/** `maps["my map"].entries[0]` as its steps. */
export function parsePath(text: string): readonly Step[] {
  const steps: Step[] = [];
  const part = /\.?([A-Za-z_$][\w$]*)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const match = part.exec(text);
    const [whole = '', name, index, quoted] = match ?? [];
    const isFirst = at === 0;
    const isJoined = name === undefined || whole.startsWith('.') !== isFirst;
    if (match === null || !isJoined || steps.length === MAX_STEPS) throw noPath(text, at);
    steps.push(name ?? (index === undefined ? unquoted(quoted ?? '""', text, at) : Number(index)));
  }
  if (steps.length === 0) throw noPath(text, 0);
  return steps;
}

function unquoted(quoted: string, text: string, at: number): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw noPath(text, at);
  }
}

function noPath(text: string, at: number): BailoutError {
  return new BailoutError('SCENARIO_PATH', `\`${text}\` is no path of a scenario's field.`, {
    hint: `${text}\n${' '.repeat(at)}^ as in tasks[0].pid or maps["my map"].entries`,
  });
}

/**
 * The scenario with another value in one place: JSON, or a text where the field is one, which needs no quotes. What lies on the way is made;
 * one more than a list has is added to it. Throws what checking the scenario throws.
 */
export function withField(scenario: Scenario, path: string, value: string): Scenario {
  const steps = parsePath(path);
  return checkScenario(replaced(scenario, steps, 0, valueOf(value, schemaAt(steps))), 'scenario set');
}

function valueOf(text: string, schema: Schema | undefined): unknown {
  const types = schema?.type;
  // Hex digits look like a number, and a path like nothing.
  if (types === 'string' && !text.startsWith('"')) return text;
  try {
    return parseJson(text, 'the value', 'SCENARIO_SYNTAX').value;
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    // What begins like JSON was meant as it.
    if (/^[[{"]/.test(text)) throw error;
    return text;
  }
}

function replaced(value: unknown, steps: readonly Step[], depth: number, by: unknown): unknown {
  const step = steps[depth];
  if (step === undefined) return by;
  if (typeof step === 'string') {
    const members = isObject(value) ? value : {};
    const member = Object.hasOwn(members, step) ? members[step] : undefined;
    return { ...members, [step]: replaced(member, steps, depth + 1, by) };
  }
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  if (step > items.length) {
    throw new BailoutError('SCENARIO_PATH', `${pathOf(steps.slice(0, depth))} has ${items.length} items.`, {
      hint: `The next one is ${pathOf(steps.slice(0, depth))}[${items.length}].`,
    });
  }
  return [...items.slice(0, step), replaced(items[step], steps, depth + 1, by), ...items.slice(step + 1)];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(steps: readonly Step[]): string {
  return steps.reduce<string>(
    (path, step) => (typeof step === 'number' ? `${path}[${step}]` : memberPath(path, step)),
    '',
  );
}

/** What a scenario may hold at a path; undefined where that depends on what is there, or where nothing may be. */
function schemaAt(steps: readonly Step[]): Schema | undefined {
  let schema: Schema | undefined = SCENARIO_SCHEMA;
  for (const step of steps) {
    schema = resolved(schema);
    if (schema === undefined) return undefined;
    if (typeof step === 'number') schema = schema.items;
    else if (schema.properties !== undefined && Object.hasOwn(schema.properties, step))
      schema = schema.properties[step];
    else schema = schema.additionalProperties === false ? undefined : schema.additionalProperties;
  }
  return resolved(schema);
}

function resolved(schema: Schema | undefined): Schema | undefined {
  if (schema?.$ref === undefined) return schema;
  return resolved(SCENARIO_SCHEMA.$defs[schema.$ref.slice('#/$defs/'.length)]);
}

/** Paths that a half-typed one may become, one step further: fields that there may be, and items and names that there are. */
export function pathsAfter(scenario: Scenario, typed: string): string[] {
  const parent = typed.slice(0, Math.max(typed.lastIndexOf('.'), 0));
  let steps: readonly Step[];
  try {
    steps = parent === '' ? [] : parsePath(parent);
  } catch (error) {
    if (error instanceof BailoutError) return [];
    throw error;
  }
  const known = Object.keys(schemaAt(steps)?.properties ?? {}).filter((name) => !name.startsWith('$'));
  const there = steps.reduce<unknown>(memberOf, scenario);
  const names = new Set([...known, ...(isObject(there) ? Object.keys(there) : [])]);
  return [...names].flatMap((name) => {
    const path = memberPath(parent, name);
    const value = isObject(there) ? memberOf(there, name) : undefined;
    const items = Array.isArray(value) ? value.length : -1;
    const isList = items >= 0 || schemaAt([...steps, name])?.type === 'array';
    return isList ? Array.from({ length: Math.max(items, 0) + 1 }, (_, i) => `${path}[${i}]`) : [path];
  });
}

function memberOf(value: unknown, step: Step): unknown {
  if (typeof step === 'number') return Array.isArray(value) ? (value as readonly unknown[])[step] : undefined;
  return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

/** Values that the field at a path is one of, where there are few. */
export function valuesOf(path: string): readonly string[] {
  try {
    return schemaAt(parsePath(path))?.enum?.map(String) ?? [];
  } catch (error) {
    if (error instanceof BailoutError) return [];
    throw error;
  }
}
