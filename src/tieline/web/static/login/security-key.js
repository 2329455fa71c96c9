/**
 * Security keys: between the API's JSON and what browsers want.
 * @module
 */

/**
 * The answer of a new key to the question of the API.
 * @param {any} question
 */
export async function askNewKey(question) {
  const publicKey = {
    ...question,
    challenge: toBytes(question.challenge),
    user: { ...question.user, id: toBytes(question.user.id) },
    excludeCredentials: (question.excludeCredentials ?? []).map(toDescriptor),
  };
  const made = await navigator.credentials.create({ publicKey });
  if (!(made instanceof PublicKeyCredential) || !(made.response instanceof AuthenticatorAttestationResponse)) {
    throw new Error("the browser gave no security key");
  }
  const { clientDataJSON, attestationObject } = made.response;
  return answerOf(made, { clientDataJSON: toText(clientDataJSON), attestationObject: toText(attestationObject) });
}

/**
 * The answer of a key that is known.
 * @param {any} question
 */
export async function askKey(question) {
  const publicKey = {
    ...question,
    challenge: toBytes(question.challenge),
    allowCredentials: (question.allowCredentials ?? []).map(toDescriptor),
  };
  const found = await navigator.credentials.get({ publicKey });
  if (!(found instanceof PublicKeyCredential) || !(found.response instanceof AuthenticatorAssertionResponse)) {
    throw new Error("the browser gave no answer of a security key");
  }
  const { clientDataJSON, authenticatorData, signature } = found.response;
  return answerOf(found, {
    clientDataJSON: toText(clientDataJSON),
    authenticatorData: toText(authenticatorData),
    signature: toText(signature),
  });
}

/**
 * @param {PublicKeyCredential} credential
 * @param {Record<string, string>} response
 */
function answerOf(credential, response) {
  return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response };
}

/** @param {{id: string, type: string}} descriptor */
function toDescriptor(descriptor) {
  return { ...descriptor, id: toBytes(descriptor.id) };
}

/** @param {string} text */
function toBytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

/** @param {ArrayBuffer} bytes */
function toText(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
