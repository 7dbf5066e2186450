/** The thread that runs a session: it may be busy for minutes, so nothing else lives in it. */
import { parentPort, workerData } from 'node:worker_threads';
import { toApiError } from '../../core/service/answers.ts';
import { Service } from '../../core/service/service.ts';
import { nodeServiceHost } from './node-host.ts';
import { PageGroup } from './page-group.ts';
import type { First, FromWorker, ToWorker, WorkerData } from './protocol.ts';

const { cancel, first, examples } = workerData as WorkerData;
const service = new Service(
  nodeServiceHost({ examples, cancel: new Int32Array(cancel), progress: (progress) => pages.progress(progress) }),
);
const pages = new PageGroup(service);

parentPort?.on('message', ({ port }: ToWorker) => {
  const disconnect = pages.connect({
    postMessage: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
  });
  port.on('close', disconnect);
});

function open(what: First): FromWorker {
  try {
    if (what.kind === 'example') service.openExample(what.id);
    else if (what.kind === 'file') service.open({ name: what.name, bytes: what.bytes });
    return { kind: 'ready' };
  } catch (error) {
    return { kind: 'ready', error: toApiError(error) };
  }
}

parentPort?.postMessage(open(first));
