/** The stores of the audit log: filled from the spool, read by whoever looks back. */
export { createReader, openCommandReader, openHolds } from './asking.ts';
export { describeStore, indexOf, type StoreSettings } from './open.ts';
