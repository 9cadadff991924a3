/**
 * A configuration with keys of each origin and a credential, around a server that greets.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';

const GREETER: string = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
/** The private key of the imported key, 64 hexadecimal digits. */
export const IMPORTED: string = 'ab'.repeat(32);
const IMPORTED_PUBLIC =
  '81aaadc8a5e83f4576df823cf22a5b1969cf704a0d5f6f68bd757410c9917aaca8d3ba51557ae48e250687eefd0a9b51b14c39a78295c2999b600cda67483fad';

/** @param owner - Public owner key of the credential and the imported key. */
export function keyConfiguration(owner: string): string {
  return `name: desk
number: 1
server:
  source: ${JSON.stringify(`path:${GREETER}`)}
keys:
  hot:
    algorithm: secp256k1
    origin: derived
    version: 1
    path: m/44'/60'/0'/0/0
    policy:
      rules:
        - id: small
          effect: allow
          action: evm.transaction
          tools: [send]
          chains: ["eip155:31337"]
          effects: [{ kind: native-transfer, to: any, max: "1000" }]
          fee: { max: "1000000000000000" }
        - id: large
          effect: allow
          action: evm.transaction
          tools: [send]
          chains: ["eip155:31337"]
          effects: [{ kind: native-transfer, to: any, above: "1000", max: "5000" }]
          fee: { max: "1000000000000000" }
          confirm: elicitation
        - id: never
          effect: deny
          action: evm.transaction
          effects: [{ kind: native-transfer, to: ["0x000000000000000000000000000000000000dead"], max: any }]
      limits:
        - { id: daily, kind: value, chain: "eip155:31337", asset: native, window: 86400, per: key, max: "9000000000000000" }
      copies: per-live-copy
  old:
    algorithm: secp256k1
    origin: imported
    version: 1
    publicKey: ${IMPORTED_PUBLIC}
    owner: "${owner}"
    policy:
      rules:
        - { id: hello, effect: allow, action: evm.message, startsWith: ["hello "] }
credentials:
  github:
    owner: "${owner}"
    header: authorization
    prefix: "Bearer "
    allow:
      - { host: api.example.com, port: 443, methods: [GET], paths: [/user, /repos/] }
`;
}
