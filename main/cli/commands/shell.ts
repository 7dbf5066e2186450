/** `bailout shell`: the loader commands, from a terminal, a script or a pipe. */
import { createInterface } from 'node:readline';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { BailoutError } from '../../../core/errors.ts';
import { Console } from '../../../core/commands/console.ts';
import type { Output } from '../../../core/commands/command.ts';
import { deflate } from '../../deflate.ts';
import { writeTo } from '../files.ts';
import type { ExitStatus, Host } from '../host.ts';
import type { ShellRequest } from '../options.ts';
import { formatError, statusOfError } from '../report-error.ts';

const PROMPT = '(bailout) ';
const HISTORY_LINES = 1000;

/** Runs a script, or what comes through a pipe, or talks with a person. */
export function shell(request: ShellRequest, host: Host): ExitStatus | Promise<ExitStatus> {
  const console = new Console({
    readFile: (path) => host.readFile(path),
    kernelBtf: () => host.kernelBtf(),
    writeFile,
    compression: deflate,
  });
  if (request.object !== undefined) console.execute(`load ${request.object}`);
  if (request.script !== undefined)
    return runScript(console, new TextDecoder().decode(host.readFile(request.script)), request, host);
  if (process.stdin.isTTY !== true) return runScript(console, readFileSync(0, 'utf8'), request, host);
  return talk(console, request, host);
}

function writeFile(path: string, pieces: readonly Uint8Array[]): void {
  try {
    writeFileSync(path, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  } catch (cause) {
    throw new BailoutError('FILE_UNWRITABLE', `${path} cannot be written.`, { cause });
  }
}

/** Each line with what it says; the first that fails ends the script with its exit status. */
export function runScript(
  console: Console,
  script: string,
  request: Pick<ShellRequest, 'json'>,
  host: Host,
): ExitStatus {
  for (const [index, line] of script.split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      if (!request.json) host.write(`${host.style.dim(`${PROMPT}${text}`)}\n`);
      const output = console.execute(text);
      say(output, text, request, host);
      if (output.quit === true) return 0;
    } catch (error) {
      if (!(error instanceof BailoutError)) throw error;
      if (request.json) host.write(`${JSON.stringify({ command: text, line: index + 1, error: errorData(error) })}\n`);
      else host.write(`${formatError(error, host.style)}\n`);
      return statusOfError(error);
    }
  }
  return 0;
}

function say(output: Output, command: string, request: Pick<ShellRequest, 'json'>, host: Host): void {
  if (request.json) host.write(`${JSON.stringify({ command, data: output.data ?? null })}\n`);
  else if (output.text !== '') host.write(`${output.text}\n`);
}

function errorData(error: BailoutError): object {
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}

function talk(console: Console, request: ShellRequest, host: Host): Promise<ExitStatus> {
  const file = historyFile();
  const history = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: PROMPT,
    history,
    historySize: HISTORY_LINES,
    completer: (line: string): [string[], string] => {
      const { word, words } = console.complete(line);
      return [[...words], word];
    },
  });
  host.write('Type `help` for the commands, `quit` to leave.\n');
  lines.prompt();
  return new Promise((resolve) => {
    lines.on('line', (line) => {
      try {
        const output = console.execute(line, true);
        say(output, line.trim(), request, host);
        if (output.quit === true) return void lines.close();
      } catch (error) {
        if (!(error instanceof BailoutError)) throw error;
        writeTo(2, `${formatError(error, host.style)}\n`);
      }
      lines.prompt();
    });
    lines.on('history', (entries: string[]) => remember(file, entries));
    lines.on('close', () => resolve(0));
  });
}

function historyFile(): string {
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'bailout', 'history');
}

/** A history that cannot be written is none, not an error. */
function remember(file: string, entries: readonly string[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${entries.slice(0, HISTORY_LINES).join('\n')}\n`, { mode: 0o600 });
  } catch {
    // Read-only homes are common in containers.
  }
}
