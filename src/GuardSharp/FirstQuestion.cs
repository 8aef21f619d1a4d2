using GuardSharp.Engine;

namespace GuardSharp;

/// <summary>What the network is asked first about a conversation: P(unsafe) = sigmoid((logit of unsafe - logit of safe) / temperature) at the prompt's last token.</summary>
/// <param name="Prompt">The prompt and what the model writes before its verdict.</param>
/// <param name="SafeToken">The token that a safe verdict begins with.</param>
/// <param name="UnsafeToken">The token that an unsafe verdict begins with.</param>
/// <param name="Temperature">The calibration's temperature, above 0.</param>
internal sealed record FirstQuestion(EncodedPrompt Prompt, int SafeToken, int UnsafeToken, double Temperature)
{
    /// <summary>P(unsafe) of a difference of logits, unsafe less safe.</summary>
    public double Probability(double margin) => 1 / (1 + Math.Exp(-margin / Temperature));
}
