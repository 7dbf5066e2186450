export declare const compiler: string;
/** The folder to give to `-I`. */
export declare const headers: string;
export declare const sources: readonly string[];
export declare const warnings: readonly string[];
export declare function compile(source: string, out: string): string | undefined;
export declare function compilerVersion(): string | undefined;
