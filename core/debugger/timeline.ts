/** Where a session moves: the trace's. */
export * from '../trace/timeline.ts';
