/** The part of node-forge that is read from; its types know the whole alone, which brings ciphers, TLS and PKCS of its own. */
declare module 'node-forge/lib/asn1.js' {
  const asn1: typeof import('node-forge').asn1
  export default asn1
}
