/**
 * The time by which what was given for a time ends (tokens, exceptions, break-glass), in milliseconds since 1970: the system's,
 * but never behind what has passed since this process started. A clock that is put back brings nothing back that was over; one that
 * was put forward by mistake and is right again, neither keeps anything shut.
 */
export function steadyNow(): number {
  return Math.max(Date.now(), performance.timeOrigin + performance.now())
}
