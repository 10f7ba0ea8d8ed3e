// An issuer for tests, made of the certified library `oidc-provider`: `node issuer.mjs FOLDER PORT PREFIX`, with FOLDER the one that
// the library is installed in. It signs by RS256, ES256 and EdDSA with keys that are new at each start, their ids begun by PREFIX, and
// gives a token for a resource to whoever posts `client_id=ALGORITHM&client_secret=secret` to /token.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, port, prefix] = process.argv.slice(2);
const library = createRequire(`${folder}/`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(library));

const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] };
const keys = Object.entries(kinds).map(([alg, [type, options]]) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
  return { ...jwk, alg, kid: `${prefix}-${alg}`, use: 'sig' };
});
const clients = Object.keys(kinds).map((alg) => ({
  client_id: alg, client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
}));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys },
  clients,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (context, resource, client) => ({
        scope: '', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: client.clientId } },
      }),
    },
  },
  extraTokenClaims: (context) => ({ repository: 'Acme/App', ref: context.oidc.body.ref ?? 'refs/heads/main' }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
