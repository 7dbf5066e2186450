/** The command line: reads the words, runs the command, and turns what went wrong into a line and an exit status. */
import { workerData } from 'node:worker_threads';
import { BailoutError } from '../../core/errors.ts';
import packageJson from '../../package.json';
import { disasm } from './commands/disasm.ts';
import { inspect } from './commands/inspect.ts';
import { run } from './commands/run.ts';
import { recordCommand } from './commands/record.ts';
import { replayCommand } from './commands/replay.ts';
import { serveCommand } from './commands/serve.ts';
import { shell } from './commands/shell.ts';
import { verifyCommand } from './commands/verify.ts';
import { nodeHost, writeTo } from './files.ts';
import { COLOURED, PLAIN, wantsColour } from './format/style.ts';
import { COMMAND_HELP, OVERVIEW } from './help.ts';
import type { ExitStatus, Host } from './host.ts';
import type { Request } from './options.ts';
import { parseRequest } from './options.ts';
import { formatError, statusOfError } from './report-error.ts';
import { isShellStart } from './shell/messages.ts';
import { serveShell } from './shell/thread.ts';

function perform(request: Request, host: Host): ExitStatus | Promise<ExitStatus> {
  switch (request.command) {
    case 'help':
      host.write(request.about === undefined ? OVERVIEW : COMMAND_HELP[request.about]);
      return 0;
    case 'version':
      host.write(`bailout ${packageJson.version}\n`);
      return 0;
    case 'disasm':
      return disasm(request, host);
    case 'inspect':
      return inspect(request, host);
    case 'verify':
      return verifyCommand(request, host);
    case 'run':
      return run(request, host);
    case 'record':
      return recordCommand(request, host);
    case 'replay':
      return replayCommand(request, host);
    case 'shell':
      return shell(request, host);
    case 'serve':
      return serveCommand(request, host, packageJson.version);
  }
}

async function commandLine(): Promise<void> {
  try {
    process.exitCode = await perform(parseRequest(process.argv.slice(2)), nodeHost());
  } catch (error) {
    const style = wantsColour(process.env, process.stderr.isTTY === true) ? COLOURED : PLAIN;
    if (!(error instanceof BailoutError)) {
      // A defect of Bailout: the stack is what a report needs.
      writeTo(2, `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      writeTo(2, 'This is a defect of Bailout. Please report it with the command and the object.\n');
      process.exitCode = 1;
    } else {
      writeTo(2, `${formatError(error, style)}\n`);
      process.exitCode = statusOfError(error);
    }
  }
}

// The thread of a conversation begins in this file, too: there is only one.
const start: unknown = workerData;
if (isShellStart(start)) serveShell(start);
else await commandLine();
