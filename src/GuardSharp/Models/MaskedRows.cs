namespace GuardSharp.Models;

/// <summary>What Llama Guard 3 Vision does with the text before the first picture, which cross-attention masks wholly (model note M4).</summary>
/// <remarks>The two differ in every later logit, because later text reads those rows. Other models do not know the question.</remarks>
public enum MaskedRows
{
    /// <summary>As Hugging Face transformers: a fully masked row attends to all of the picture, empty tiles too, and only its feed-forward is dropped. Measurements published with transformers come from it.</summary>
    HuggingFace,

    /// <summary>As Meta's own code: a fully masked row passes layers of cross-attention unchanged.</summary>
    Meta,
}
