/** `bailout shell`: the loader commands, from a terminal, a script or a pipe. */
import { readFileSync } from 'node:fs';
import { BailoutError } from '../../../core/errors.ts';
import { Console } from '../../../core/commands/console.ts';
import { wantsColour } from '../format/style.ts';
import type { ExitStatus, Host } from '../host.ts';
import type { ShellRequest } from '../options.ts';
import { formatError, statusOfError } from '../report-error.ts';
import type { FileToWrite } from '../shell/console-host.ts';
import { said, scriptHost } from '../shell/console-host.ts';
import { talk } from '../shell/terminal.ts';
import { writeWatched } from '../writing.ts';

const PROMPT = '(bailout) ';

/** Runs a script, or what comes through a pipe, or talks with a person. */
export function shell(request: ShellRequest, host: Host): ExitStatus | Promise<ExitStatus> {
  if (request.script === undefined && process.stdin.isTTY === true) {
    return talk(request, wantsColour(process.env, process.stderr.isTTY === true));
  }
  const files: FileToWrite[] = [];
  const console = new Console(scriptHost(host, files));
  if (request.object !== undefined) console.execute(`load ${request.object}`);
  const script =
    request.script === undefined ? readFileSync(0, 'utf8') : new TextDecoder().decode(host.readFile(request.script));
  return runScript({ console, files }, script, request, host);
}

/** The console of a script, and files that its commands leave to be written. */
export interface ScriptConsole {
  readonly console: Console;
  readonly files: FileToWrite[];
}

/** Each line with what it says; the first that fails ends the script with its exit status. */
export async function runScript(
  { console, files }: ScriptConsole,
  script: string,
  request: Pick<ShellRequest, 'json'>,
  host: Host,
): Promise<ExitStatus> {
  for (const [index, line] of script.split(/\r?\n/).entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      if (!request.json) host.write(`${host.style.dim(`${PROMPT}${text}`)}\n`);
      const output = console.execute(text);
      for (const { path, pieces } of files.splice(0)) {
        if (await writeWatched(host, path, pieces)) continue;
        if (!request.json) host.write(`${path} is not written.\n`);
        return 130;
      }
      const answer = said(output, text, request.json);
      if (answer !== '') host.write(answer);
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

function errorData(error: BailoutError): object {
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
