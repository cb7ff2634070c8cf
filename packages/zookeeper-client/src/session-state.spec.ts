import { describe, expect, it } from 'vitest';
import { nextState, SESSION_TRANSITIONS, type SessionChange, type SessionState } from './session-state.js';

const CHANGES: readonly SessionChange[] = ['established', 'established-readonly', 'disconnected', 'over', 'closed'];

/** Every pair of a state and a change; `.` is that the change means nothing there. */
const EXPECTED: Readonly<Record<SessionState, readonly string[]>> = {
  connecting: ['connected', 'readonly', '.', 'lost', 'closed'],
  connected: ['.', '.', 'suspended', 'lost', 'closed'],
  readonly: ['.', '.', 'suspended', 'lost', 'closed'],
  suspended: ['connected', 'readonly', '.', 'lost', 'closed'],
  lost: ['.', '.', '.', '.', 'closed'],
  closed: ['.', '.', '.', '.', '.'],
};

describe('the state of a session', () => {
  it.each(Object.keys(SESSION_TRANSITIONS) as SessionState[])('changes from %s as the table says', (state) => {
    const seen = CHANGES.map((change) => nextState(state, change)).map((next) => (next === state ? '.' : next));
    expect(seen).toEqual(EXPECTED[state]);
  });
});
