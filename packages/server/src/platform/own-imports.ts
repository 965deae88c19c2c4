/**
 * Project files import `slipway`, `@slipway/*` and `zod` from wherever they lie, also where no node_modules is near. These
 * names lead to this program's own copies: what a project builds with them is then what the program knows. Projects may lie
 * below a node_modules folder too (the examples of an installed package do), where Node itself runs no TypeScript.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isPackaged } from './entry.ts';

/** Name to file of the published package; the build makes one file for each. */
export const ownFiles: Readonly<Record<string, string>> = {
  slipway: './slipway.js',
  zod: './zod.js',
  '@slipway/contract': './contract.js',
  '@slipway/onnx': './onnx.js',
  '@slipway/train': './train.js',
};

const isStrippedByNode = (url: string): boolean => !url.endsWith('.ts') || !/^file:.*\/node_modules\//.test(url);

/** For the rest of the process's life. Call before the first project file is imported. */
export function resolveOwnImports(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const file = ownFiles[specifier];
      if (file === undefined) return next(specifier, context);
      if (!isPackaged) return next(specifier, { ...context, parentURL: import.meta.url });
      return { url: new URL(file, import.meta.url).href, format: 'module', shortCircuit: true };
    },
    load: (url, context, next) => {
      if (isStrippedByNode(url)) return next(url, context);
      const source = quietly(() => stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')));
      return { source, format: 'module', shortCircuit: true };
    },
  });
}

/** Node warns at the first call that this function may change; the version of Node is pinned, and its users cannot act on it. */
function quietly<T>(run: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return run();
  } finally {
    process.emitWarning = emitWarning;
  }
}
