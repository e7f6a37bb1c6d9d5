export { type FolderParts, openExceptionFolder } from './folder.ts';
export type { ExceptionTimes } from './held.ts';
export { createExceptionRoom, type ExceptionRoom, type ExceptionStatus } from './room.ts';
export type { ExceptionSource } from './source.ts';
