// SPDX-License-Identifier: Apache-2.0

package access

// words says in people's words what an action is, so that it reads after "to".
func (a Action) words() string {
	switch a {
	case Submit:
		return "ask for a certificate"
	case Renew:
		return "renew a certificate"
	case RevokeOwn:
		return "revoke a certificate of one's own"
	case RevokeAny:
		return "revoke a certificate of somebody else"
	case PublishList:
		return "publish a revocation list"
	case AnnotateOwn:
		return "annotate a certificate of one's own"
	case AnnotateAny:
		return "annotate a certificate of somebody else"
	case ReadOwn:
		return "see one's own certificates"
	case ReadAll:
		return "see the certificates of others"
	case ReadLog:
		return "read the log"
	case SignPolicy:
		return "put a policy in force"
	case Found:
		return "make an authority"
	case Unlock:
		return "unlock the keys"
	case Lock:
		return "lock the keys"
	case DraftPolicy:
		return "try a policy"
	case ReadPolicy:
		return "see what is in force"
	case Decide:
		return "decide about an intent"
	case MakeToken:
		return "make, list and revoke tokens"
	case ReadTokens:
		return "list the tokens of others"
	case RevokeAnyToken:
		return "revoke a token of somebody else"
	case Status:
		return "see how the service is"
	case Operate:
		return "stop or check the service"
	}
	return string(a)
}
