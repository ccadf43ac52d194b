/** The client for scripts and for the command line. */
export { connectTemporal, type ConnectOptions } from './connect.js';
export { lookCommand } from './errors.js';
export {
  createSeawallClient,
  type Envelope,
  type MessageFields,
  type Payload,
  type SeawallClient,
  type SeawallClientOptions,
  type TargetOf,
} from './seawall-client.js';
