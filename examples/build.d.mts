export declare const compiler: string;
export declare const names: readonly string[];
export declare function compile(name: string, out: string): string | undefined;
export declare function compilerVersion(): string | undefined;
