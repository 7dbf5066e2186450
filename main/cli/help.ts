/** The texts of `--help`. */
import type { CommandName } from './options.ts';
import { DEFAULT_MAX_STEPS } from './options.ts';

export const OVERVIEW = `bailout: load, verify, run and unwind BPF programs

Usage: bailout COMMAND FILE [OPTION…]

Commands:
  verify FILE    verify programs as Linux 6.18 does, and say why one is rejected
  run FILE       run a program in a simulated kernel, and show what a throw unwinds
  record FILE    run a program and keep what happened in a file
  replay FILE    what a recording holds, and exports of it
  shell [SCRIPT] debug: breakpoints, stepping forwards and backwards, what is held and who wrote it
  serve [FILE]   the same in a browser, with everything in view
  disasm FILE    the instructions, with their source lines
  inspect FILE   what is in an object: programs, maps, functions, callbacks, relocations

FILE is a BPF object as clang or gcc makes it (clang -O2 -g -target bpf).
\`bailout COMMAND --help\` tells more about a command.

Exit status:
  0    fine
  1    a program was rejected, or ended by an error of its own
  2    wrong usage
  3    unreadable input
  130  ended by Ctrl-C
`;

export const COMMAND_HELP: Readonly<Record<CommandName, string>> = {
  verify: `Usage: bailout verify FILE [--program NAME] [--profile proposal|linux] [--log 0|1|2]
                      [--descriptors] [--json]

Verifies the programs of an object: proves that they are safe to run, or says why not.

  -p, --program NAME   only this program
      --profile WHICH  the rules for exceptions; by default those the program was written for:
                         proposal  what is held at a throw is released while unwinding
                         linux     what is held at a throw is an error, as in Linux 6.7 and later
      --log LEVEL      the verifier's log: 0 none, 1 the path to the error, 2 every state
      --descriptors    what each frame holds wherever an exception can come from, and what that table costs
      --json           machine-readable (docs/cli.md)

Exit status: 0 all programs accepted, 1 one was not, 2 wrong usage, 3 unreadable input.
`,
  run: `Usage: bailout run FILE --program NAME [OPTION…]

Runs a program in a simulated kernel, and shows what it returned, what a throw unwound and what was released.

  -p, --program NAME    which program; may be left out when there is only one
      --profile WHICH   proposal or linux, as for \`verify\`
      --packet PACKET   hex digits, or FILE.pcap[:N] for packet N of a capture (the first is 1)
      --scenario FILE   the world it runs in: context, packet, tasks, map contents, time, seed (docs/scenario.md)
      --global NAME=N   sets a global variable before the run; may be repeated
      --attach P=FUNC   runs program P before, after or instead of function FUNC (fentry, fexit, freplace);
                        FILE:P=FUNC takes P from another object; may be repeated
      --max-steps N     ends the run after so many instructions; ${DEFAULT_MAX_STEPS.toLocaleString('en')} by default
      --phases          each phase of an unwinding, with the ledger before and after it
      --json            machine-readable (docs/cli.md)

A program that the verifier rejects is not run.

Exit status: 0 it returned, 1 rejected or ended by an error, 2 wrong usage, 3 unreadable input.
`,
  record: `Usage: bailout record FILE --program NAME -o RECORDING [OPTION…]

Runs a program in a simulated kernel, and keeps what is needed to run it again, to the last bit, in a file.

  -p, --program NAME    which program; may be left out when there is only one
  -o, --output FILE     the recording; its name usually ends with .bailout
      --packet PACKET   hex digits, FILE.pcap:N for one packet, or FILE.pcap for a run with each of its packets
      --profile WHICH, --scenario FILE, --global NAME=N, --attach P=FUNC, --max-steps N   as for \`run\`

Ctrl-C ends the recording where it is; what was recorded until then is a whole file.

Exit status: 0 all runs returned, 1 rejected or ended by an error, 2 wrong usage, 3 unreadable input, 130 ended by Ctrl-C.
`,
  replay: `Usage: bailout replay RECORDING [--run N | --runs FILTER] [--from STEP] [--to STEP] [--json]
                                 [--export FORMAT -o FILE]

Runs a recording again, makes sure that it is the same run to the last bit, and shows what happened in it.

      --run N          the events of one run, counted from 0: the first 200, with --json all
      --runs FILTER    only the runs that it lets through: 'result == 2 && throws > 0', 'flows[1].bytes > 100'
                       (docs/debugger.md)
      --from STEP      events and exports of one run from this step on
      --to STEP        and before this one
      --json           machine-readable (docs/cli.md)
      --export FORMAT  all that happened, or of one run with --run, --from and --to:
                       perfetto: JSON for Perfetto and chrome://tracing
                       csv: a line per event
                       folded: stacks with their instructions, for flame graphs
  -o, --output FILE    where the export goes; the file is there once it is whole

A recording keeps the first events of a run that makes many; the others are had by running it again, so that an export of a
long run takes longer than the run. Ctrl-C ends it, and leaves no file.

Exit status: 0 it is the same run, 1 it is another, 2 wrong usage, 3 unreadable input, 130 ended by Ctrl-C.
`,
  shell: `Usage: bailout shell [SCRIPT] [--object FILE] [--json]

The debugger's commands, from a script, a pipe or a terminal (docs/debugger.md).

  -o, --object FILE   loads an object first
      --json          one JSON object for each command

On a terminal Ctrl-C ends the command that runs, or clears the line; Ctrl-D leaves.

A script ends at the first command that fails, with that command's exit status: 2 wrong usage, 3 anything else.
`,
  serve: `Usage: bailout serve [FILE] [--port N] [--open]

Serves Bailout's page for a browser on this machine, and prints its address. FILE is an object or a recording; without one
the example with a throw is opened. Only who knows the address can use it: it has a token that is new each time.

      --port N  listens on this port; any free one by default
      --open    shows the page in the browser

Ctrl-C ends it.
`,
  disasm: `Usage: bailout disasm FILE [--program NAME]

Prints the instructions of the programs in the kernel's style, relocated and linked, with their source lines.

  -p, --program NAME   only this program
`,
  inspect: `Usage: bailout inspect FILE [--json]

Shows what is in an object: programs with their functions and exception callbacks, maps, and relocations.

      --json   machine-readable (docs/cli.md)
`,
};
