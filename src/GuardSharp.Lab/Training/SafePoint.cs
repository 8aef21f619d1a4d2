namespace GuardSharp.Lab.Training;

/// <summary>Lets the garbage collector run between two training steps, where it cannot hurt.</summary>
/// <remarks>
/// TorchSharp makes a short-lived number object for nearly every operation and does not keep it alive during the native call: a collection at the
/// wrong moment frees it under the call, about once in 20,000 steps. The project's settings make collections of their own accord rare
/// (a large first generation, none in the background); this makes the needed ones happen when no call is under way.
/// </remarks>
internal sealed class SafePoint
{
    private const int StepsBetween = 20;
    private int _steps;

    /// <summary>Called after every step.</summary>
    public void Pass()
    {
        if (++_steps % StepsBetween != 0)
            return;
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
