/** `bailout serve`: the page for a browser. The server is another bundle: the other commands do not pay for it. */
import type { ExitStatus, Host } from '../host.ts';
import type { ServeRequest } from '../options.ts';

export async function serveCommand(request: ServeRequest, host: Host, version: string): Promise<ExitStatus> {
  const { openBrowser, serve } = await import('../../web/serve.ts');
  const server = await serve({
    ...(request.file === undefined ? {} : { file: request.file }),
    port: request.port,
    version,
    readFile: (path) => host.readFile(path),
  });
  host.write(`Bailout is at ${server.url}\n`);
  if (request.open) openBrowser(server.url);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
  await server.close();
  return 0;
}
