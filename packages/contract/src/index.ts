export * from './errors.ts';
export * from './ids.ts';
export * from './names.ts';
export * from './route.ts';
