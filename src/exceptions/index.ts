export { openClusterExceptions } from './clusterSource.ts';
export { type FolderParts, openExceptionFolder } from './folder.ts';
export type { ExceptionTimes } from './held.ts';
export { createExceptionReview, type ExceptionReview, noExceptionReview } from './review.ts';
export { createExceptionRoom, type ExceptionRoom, type ExceptionStatus } from './room.ts';
export { openSecretKeys, type WatchedKeys } from './secretKeys.ts';
export type { ExceptionSource } from './source.ts';
