/** `bailout inspect`: what is in an object. */
import { BailoutError } from '../../../core/errors.ts';
import { loadObject } from '../../../core/object/object.ts';
import { formatInspect, inspectJson } from '../format/inspect.ts';
import type { ExitStatus, Host } from '../host.ts';
import type { InspectRequest } from '../options.ts';
import { baseName } from '../program.ts';
import type { Relocation } from '../relocations.ts';
import { relocationsOf } from '../relocations.ts';

export function inspect(request: InspectRequest, host: Host): ExitStatus {
  const bytes = host.readFile(request.file);
  const object = loadObject(bytes, { name: baseName(request.file), kernelBtf: host.kernelBtf() });
  const { relocations, notes } = readable(() => relocationsOf(bytes, object.btf));
  const all = [...object.notes, ...notes];
  if (request.json) host.write(`${JSON.stringify(inspectJson(object, relocations, all), null, 2)}\n`);
  else host.write(`${formatInspect(object, relocations, all, host.style).join('\n')}\n`);
  return 0;
}

/** An object whose relocations cannot be read is still worth looking at: then the reason is a note. */
function readable(read: () => readonly Relocation[]): { relocations: readonly Relocation[]; notes: readonly string[] } {
  try {
    return { relocations: read(), notes: [] };
  } catch (error) {
    if (!(error instanceof BailoutError)) throw error;
    return { relocations: [], notes: [`relocations: ${error.message}`] };
  }
}
