/**
 * - `connecting`: not connected yet, ever.
 * - `connected`: the server answers.
 * - `readonly`: the server answers reads; it has lost the others.
 * - `suspended`: not connected, but the session may go on. Start nothing that relies on what it owns.
 * - `lost`: the session is over, by the server's word or because it must be assumed to be. The client is of no more use.
 * - `closed`: `close` was called.
 */
export type SessionState = 'connecting' | 'connected' | 'readonly' | 'suspended' | 'lost' | 'closed';

/** What can happen to a session. */
export type SessionChange = 'established' | 'established-readonly' | 'disconnected' | 'over' | 'closed';

/** Which change leads from which state to which; what is not listed means nothing there. */
export const SESSION_TRANSITIONS: Readonly<Record<SessionState, Partial<Record<SessionChange, SessionState>>>> = {
  connecting: { established: 'connected', 'established-readonly': 'readonly', over: 'lost', closed: 'closed' },
  connected: { disconnected: 'suspended', over: 'lost', closed: 'closed' },
  readonly: { disconnected: 'suspended', over: 'lost', closed: 'closed' },
  suspended: { established: 'connected', 'established-readonly': 'readonly', over: 'lost', closed: 'closed' },
  lost: { closed: 'closed' },
  closed: {},
};

/** The state after a change; the same if the change means nothing in it. */
export function nextState(state: SessionState, change: SessionChange): SessionState {
  return SESSION_TRANSITIONS[state][change] ?? state;
}
