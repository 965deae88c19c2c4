/** Where the built web console lies: beside the program's files in the package, in packages/ui of a checkout. */
import { fileURLToPath } from 'node:url';
import { isPackaged } from '../platform/entry.ts';

export const consoleFolder: string = fileURLToPath(
  new URL(isPackaged ? './console' : '../../../ui/dist', import.meta.url),
);
