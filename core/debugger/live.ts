/** Running without a recording: the trace's. */
export * from '../trace/live.ts';
