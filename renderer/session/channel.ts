/**
 * The two transports of a page: the bridge that the desktop's preload offers, or a WebSocket to the host that served the page.
 * Nothing else in the page knows which it is.
 */
import type { Channel } from '../../core/protocol/wire.ts';

declare global {
  interface Window {
    /** What preload puts here. */
    readonly bailout?: Channel;
  }
}

/** A channel that may be lost and found again. */
export interface PageChannel extends Channel {
  onOpen(listener: () => void): void;
  onLost(listener: () => void): void;
}

const RETRY_MS = 1000;

export function openChannel(): PageChannel {
  return window.bailout === undefined ? webSocketChannel() : bridgeChannel(window.bailout);
}

function bridgeChannel(bridge: Channel): PageChannel {
  return {
    post: (message) => bridge.post(message),
    on: (listener) => bridge.on(listener),
    onOpen: (listener) => queueMicrotask(listener),
    onLost: () => undefined,
  };
}

/** The token came with the page's address; the host set it as a cookie, too, so that a reload without it works. */
function webSocketChannel(): PageChannel {
  const address = new URL('session', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = window.location.search;
  const messages: ((message: Uint8Array) => void)[] = [];
  const opened: (() => void)[] = [];
  const lost: (() => void)[] = [];
  let socket: WebSocket;
  let wasOpen = false;
  const connect = (): void => {
    socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      wasOpen = true;
      for (const listener of opened) listener();
    };
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      for (const listener of messages) listener(new Uint8Array(data));
    };
    socket.onclose = () => {
      if (wasOpen) for (const listener of lost) listener();
      wasOpen = false;
      setTimeout(connect, RETRY_MS);
    };
  };
  connect();
  return {
    post: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(new Uint8Array(message));
    },
    on: (listener) => messages.push(listener),
    onOpen: (listener) => opened.push(listener),
    onLost: (listener) => lost.push(listener),
  };
}
