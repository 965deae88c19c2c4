type Arrows = Readonly<Record<string, readonly string[]>>;
export declare const packages: Arrows;
export declare const packageNames: Readonly<Record<string, string>>;
export declare const modules: Arrows;
export declare const compat: Arrows;
export declare const compositionRoots: readonly string[];
export declare const childRoots: readonly string[];
