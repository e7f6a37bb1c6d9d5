/** Version of the program, as package.json has it; in records, metrics and --version. */
export const version = '0.1.0';
