/** Placeholder text until below. */
export class Log { level = 1; lastLine = ''; write(_text: string): void {} }
