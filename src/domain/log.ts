/** A structured log as pino has it: fields first, then one sentence. Outside text in either goes through safeText before. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
