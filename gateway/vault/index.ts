/** Credentials: where they live and the one line that uses them. Never here: anything that prints a secret. */
export { Credentials, type Outgoing } from './credentials.ts'
