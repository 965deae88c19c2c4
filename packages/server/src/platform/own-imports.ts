/**
 * Project files import `slipway`, `@slipway/*` and `zod` from wherever they lie, also where no node_modules is near. These
 * names lead to this program's own copies: what a project builds with them is then what the program knows.
 */
import { registerHooks } from 'node:module';
import { isPackaged } from './entry.ts';

/** Name to file of the published package; the build makes one file for each. */
export const ownFiles: Readonly<Record<string, string>> = {
  slipway: './slipway.js',
  zod: './zod.js',
  '@slipway/contract': './contract.js',
  '@slipway/onnx': './onnx.js',
  '@slipway/train': './train.js',
};

/** For the rest of the process's life. Call before the first project file is imported. */
export function resolveOwnImports(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const file = ownFiles[specifier];
      if (file === undefined) return next(specifier, context);
      if (!isPackaged) return next(specifier, { ...context, parentURL: import.meta.url });
      return { url: new URL(file, import.meta.url).href, format: 'module', shortCircuit: true };
    },
  });
}
