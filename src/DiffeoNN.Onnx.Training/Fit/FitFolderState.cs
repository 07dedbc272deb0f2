namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>What a folder holds that a fit is to write its bundle to.</summary>
public enum FitFolderState
{
    /// <summary>Nothing, or it does not exist.</summary>
    Free,

    /// <summary>A fit is writing to it, perhaps of another process.</summary>
    Taken,

    /// <summary>A fit was interrupted in it and can be resumed.</summary>
    Interrupted,

    /// <summary>A bundle.</summary>
    Bundle,

    /// <summary>Files that no fit has written.</summary>
    Foreign,
}
