/** What the exit code of every command means; `slipway help exit-codes` prints this table. */
export const exitCodes = {
  ok: { code: 0, meaning: 'it worked' },
  failed: { code: 1, meaning: 'the server refused, or what was started did not succeed' },
  usage: { code: 2, meaning: 'the command line was wrong: an unknown flag, a missing argument, a value out of range' },
  notFound: { code: 3, meaning: 'the thing that was named does not exist' },
  unreachable: { code: 4, meaning: 'no Slipway server answered at that address' },
  notPermitted: { code: 5, meaning: 'the credentials are missing, wrong, or not enough' },
  gate: { code: 6, meaning: 'a gate, a validation or a verification said no' },
  waiting: { code: 7, meaning: 'it was asked for and waits until somebody approves it' },
  interrupted: { code: 130, meaning: 'interrupted by Ctrl-C' },
} as const;

export type ExitName = keyof typeof exitCodes;
