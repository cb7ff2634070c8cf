import type { Session, SessionState } from './registry.js';

/** What can happen to a session: `deadline` is our own, when the server stayed away longer than it keeps sessions. */
export type SessionEvent = 'connected' | 'disconnected' | 'expired' | 'deadline' | 'stopped';

/**
 * Which event leads from which state to which; what is not listed changes nothing.
 *
 * - `suspended`: not connected, first or again; what the session owns may still be there.
 * - `connected`: the server answers.
 * - `lost`: the session is over, by the server's word or by our own deadline; a new one is being opened.
 * - `closed`: stopped; the end.
 */
export const SESSION_TRANSITIONS: Readonly<Record<SessionState, Partial<Record<SessionEvent, SessionState>>>> = {
  suspended: { connected: 'connected', expired: 'lost', deadline: 'lost', stopped: 'closed' },
  connected: { disconnected: 'suspended', expired: 'lost', stopped: 'closed' },
  lost: { connected: 'connected', stopped: 'closed' },
  closed: {},
};

/** The session before anything happened. */
export const NO_SESSION: Session = { state: 'suspended', id: 0n, epoch: 1, connection: 0, timeoutMs: 0 };

/** The session after an event; the same object if the event means nothing now. `granted` is what a connection brings. */
export function nextSession(
  session: Session,
  event: SessionEvent,
  granted: Pick<Session, 'id' | 'timeoutMs'> = session,
): Session {
  const state = SESSION_TRANSITIONS[session.state][event];
  if (state === undefined) return session;
  if (state !== 'connected') return { ...session, state };
  return {
    state,
    id: granted.id,
    timeoutMs: granted.timeoutMs,
    epoch: session.epoch + (session.state === 'lost' ? 1 : 0),
    connection: session.connection + 1,
  };
}
